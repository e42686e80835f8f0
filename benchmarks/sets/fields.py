"""Sets of volumes, float images and signals: a brain, a skull, depths, speech, a heart, vowels."""

import gzip
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.sets.archives import member, members
from benchmarks.sets.cutting import nifti, of_regions, of_slabs, stem, thick, windows
from benchmarks.sets.real_set import Made


def brain8(files: Sequence[Path]) -> Made:
    content = member(files[0], "*/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
    brain = nifti(gzip.decompress(content)).swapaxes(0, 1)
    return of_slabs(thick(brain, 8, 2), 1, 0, 8, lambda found: (found > 16).mean(-1) > 0.5)


def skull16(files: Sequence[Path]) -> Made:
    content = member(files[0], "*/Cranium.inv3")
    with tarfile.open(fileobj=io.BytesIO(content)) as project:
        (matrix,) = (each for each in project if each.name.endswith("/matrix.dat"))
        file = project.extractfile(matrix)
        assert file is not None
        scan = np.frombuffer(file.read(), "<i2").reshape(108, 256, 256).astype(np.int16).swapaxes(0, 1)
    return of_slabs(thick(scan, 8, 2), 1, 0, 16, lambda found: (found > -500).mean(-1) > 0.25)


def depth8(files: Sequence[Path]) -> Made:
    content = member(files[0], "skimage/data/motorcycle_disp.npz")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        scene = archive["arr_0"]
    found = of_regions(scene, 8, lambda images: np.isfinite(images).all((1, 2)), "with pixels that were not measured")
    return found._replace(x=found.x[:, None])


def speech(files: Sequence[Path]) -> Made:
    x, source, silent = [], [], 0
    for name, content in members(files[0], "*/en_US_f_Allison/*.wav").items():
        place = content.index(b"data", 12) + 8
        samples = np.frombuffer(content, "<i2", (len(content) - place) // 2, place)
        found = windows(samples, 1024)
        heard = found.astype(np.float64).std(1) > 100
        silent += int((~heard).sum())
        x.append(found[heard])
        source += [stem(name)] * int(heard.sum())
    return Made(np.concatenate(x).astype(np.int16), source, (f"{silent} windows of silence",))


def heart(files: Sequence[Path]) -> Made:
    content = member(files[0], "scipy/misc/ecg.dat")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        samples = archive["ecg"].astype(np.int16)
    found = windows(samples, 64)
    number = np.arange(len(found))
    kept = number % 28 < 26  # 5 seconds, and a third of a second between
    notes = (f"{int((~kept).sum())} windows between pieces",)
    return Made(found[kept], [f"piece {i // 28:03}" for i in number[kept]], notes)


def vowels(files: Sequence[Path]) -> Made:
    x, source = [], []
    for part, content in members(files[0], "*/JapaneseVowels/JapaneseVowels_T*.ts").items():
        if "_eq" in part:
            continue
        text = content.decode()
        for i, line in enumerate(text[text.index("@data") + 5 :].split()):
            *channels, _ = line.split(":")
            sound = np.array([[float(value) for value in each.split(",")] for each in channels])
            for start in range(0, sound.shape[1] - 6, 7):
                x.append(sound[:, start : start + 7])
                source.append(f"{stem(part)} {i:03}")
    return Made(np.stack(x).astype(np.float32), source)
