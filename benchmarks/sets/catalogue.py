"""All sets by name: whose data they are, under which licence, and what is done to them."""

from benchmarks.sets import fields, images, packages, tables
from benchmarks.sets.real_set import RealSet

_PHOTOS = (packages.LOMIRI_16, packages.LOMIRI_20, packages.MATE, packages.SCIKIT_IMAGE, packages.SCIKIT_LEARN)
_PHOTOGRAPHERS = "photographers of the wallpapers of Lomiri and MATE, and of the examples of scikit-image and -learn"
_OF_PHOTOS = "CC BY, CC BY-SA and CC0 (Lomiri), GPL-2+ (MATE), CC0 and public domain (scikit-image), CC BY (-learn)"
_NUMBERS = {"dequantise": True}

_ALL = (
    RealSet("digits", "image", "UCI, by way of scikit-learn", "CC BY 4.0", "nothing: a set of the library"),
    RealSet(
        *("fashion_mnist", "image", "Zalando", "MIT"),
        "nothing: a set of the library; the official test images are the test split",
        (packages.FASHION,),
    ),
    RealSet(
        *("emoji32", "image", "Twitter and other contributors: Twemoji 11", "CC BY 4.0 (artwork)"),
        "64x64 on white, each 2x2 averaged; a source is a first code point (all skins and genders of one), people one",
        *((packages.TWITTER,), images.emoji),
        digest="649793f25541ca9d",
    ),
    RealSet(
        *("icons32", "image", "the icon themes GNOME, Oxygen and Tango"),
        "GPL-2+ (GNOME), LGPL-3+ (Oxygen), public domain (Tango)",
        "32x32 on white; a source is two words of a name in all themes, joined with what looks alike",
        *((packages.GNOME, packages.OXYGEN, packages.TANGO), images.icons32),
        digest="a88bde140d168979",
    ),
    RealSet(
        *("silk16", "image", "Mark James: Silk", "CC BY 3.0"),
        "16x16 icons on white; a source is the first word of a name, joined with what looks alike",
        *((packages.SILK,), images.silk16),
        digest="9195e02c65aa39d8",
    ),
    RealSet(
        *("game16", "image", "the NetHack development team", "NetHack General Public License"),
        "16x16 tiles of 29 colours; a source is eight tiles in a row, joined with what looks alike",
        *((packages.NETHACK,), images.game),
        digest="2f3ec96a8db1ebd8",
    ),
    RealSet(
        *("glyphs28", "image", "Brian Kent, Dustin Norlander, URW++"),
        "free with attribution (Aenigma), GPL-2 (Dustin), AGPL-3 with font exception (URW)",
        "A-Z, a-z, 0-9 in white on black, most 20 pixels high; a source is four letters of the family's name",
        *((packages.AENIGMA, packages.DUSTIN, packages.URW), images.glyphs),
        digest="a19b5fefaba67d72",
    ),
    RealSet(
        *("photos16", "image", _PHOTOGRAPHERS, _OF_PHOTOS),
        "the shorter side made 256 pixels, up to 400 tiles of a photo; a source is a photo",
        *(_PHOTOS, images.photos16),
        digest="6161db0decca213a",
    ),
    RealSet(
        *("photos32", "image", _PHOTOGRAPHERS, _OF_PHOTOS),
        "the shorter side made 512 pixels, up to 400 tiles of a photo; a source is a photo",
        *(_PHOTOS, images.photos32),
        digest="08b12e2be123a0e0",
    ),
    RealSet(
        *("textures32", "image", "Bowie J. Poag and Naru Sundar: Propaganda", "GPL-2+"),
        "tiles of drawn backgrounds of 512x512, stored as JPEG; a source is a picture",
        *((packages.PROPAGANDA,), images.textures),
        digest="cd57ffa175058b2d",
    ),
    RealSet(
        *("brain32", "image", "McConnell Brain Imaging Centre, by way of MRIcron: Colin 27", "BSD-3-clause"),
        "tiles of axial slices, 1 mm, of the mean of 27 scans of one head; a source is 7 slices, 3 left out between",
        *((packages.MRICRON,), images.brain32),
        digest="42eee8adef7d2fd2",
    ),
    RealSet(
        *("satellite32", "image", "NASA: Blue Marble Next Generation, by way of Basemap", "public domain"),
        "tiles 60 degrees north to south without those of one shade, stored as JPEG; a source is a region of 6x6, apart"
        " from others by one",
        *((packages.BASEMAP,), images.satellite),
        digest="dfce01650f89b03c",
    ),
    RealSet(
        *("cancer", "table", "Wolberg, Street, Mangasarian, 1995, by way of scikit-learn", "CC BY 4.0"),
        "30 measurements of a nucleus in an image",
        *((packages.SCIKIT_LEARN,), tables.cancer, _NUMBERS),
        digest="1bbd50473f5c4e02",
    ),
    RealSet(
        *("diamonds", "table", "ggplot2, by way of plotnine", "MIT"),
        "carat, depth, table, price and three sizes",
        *((packages.PLOTNINE,), tables.diamonds, _NUMBERS),
        digest="250c9ccce0f28cfc",
    ),
    RealSet(
        *("segments", "table", "Vision Group, University of Massachusetts, 1990, by way of River", "CC BY 4.0"),
        "place, edges and colours of 3x3 pixels; columns that follow from these are left out",
        *((packages.RIVER,), tables.segments, _NUMBERS),
        digest="a98c77208aa252ca",
    ),
    RealSet(
        *("shuttle", "table", "NASA, Statlog, by way of River", "CC BY 4.0"),
        "six sensors; columns that follow from these are left out",
        *((packages.RIVER,), tables.shuttle, _NUMBERS),
        digest="f6c1be93f31be173",
    ),
    RealSet(
        *("earthquakes", "table", "U.S. Geological Survey, by way of vega-datasets", "public domain"),
        "place, depth and magnitude in a week; a source is six hours, which aftershocks are in",
        *((packages.VEGA,), tables.earthquakes, _NUMBERS),
        digest="f63c9def31df922d",
    ),
    RealSet(
        *("weather", "table", "NOAA, by way of vega-datasets", "public domain"),
        "warmest, coldest and wind of a day in Seattle; a source is a month",
        *((packages.VEGA,), tables.weather, _NUMBERS),
        digest="150535db54978657",
    ),
    RealSet(
        *(
            "flights",
            "table",
            "U.S. Bureau of Transportation Statistics, by way of vega-datasets",
            "not stated (U.S. government)",
        ),
        "minute of the day, delay and distance; a source is a day",
        *((packages.VEGA,), tables.flights, _NUMBERS),
        digest="c0a842a9c6358e05",
    ),
    RealSet(
        *("abalone", "table", "Marine Resources Division, Taroona, 1994, by way of scikit-lego", "CC BY 4.0"),
        "sizes, weights and rings of a shell",
        *((packages.SCIKIT_LEGO,), tables.abalone, _NUMBERS),
        digest="4a85b7810db70f85",
    ),
    RealSet(
        *("homes", "table", "Texas A&M Real Estate Center, ggplot2, by way of plotnine", "MIT"),
        "sales, volume, median price, listings and months of stock of a month; a source is a city",
        *((packages.PLOTNINE,), tables.homes, _NUMBERS),
        digest="0ad1daf01d65368e",
    ),
    RealSet(
        *("travel", "table", "Greene and Hensher, 1997, by way of statsmodels", "public domain"),
        "costs, time and income of ways to travel; a source is a person",
        *((packages.STATSMODELS,), tables.travel, _NUMBERS),
        digest="580f39fed2cacee8",
    ),
    RealSet(
        *("heart", "signal", "MIT-BIH Arrhythmia Database, record 208, by way of SciPy", "ODC-By 1.0"),
        "64 samples at 360 Hz of one person; a source is 26 windows, 2 left out between",
        *((packages.SCIPY,), fields.heart, _NUMBERS),
        digest="01228aac6215b408",
    ),
    RealSet(
        *("vowels", "signal", "Kudo, Toyama, Shimbo, 1999, by way of aeon", "CC BY 4.0"),
        "12 coefficients of the spectrum at 7 moments of a vowel, nine speakers; a source is an utterance",
        *((packages.AEON,), fields.vowels),
        digest="3a944e9bd6875e00",
    ),
    RealSet(
        *("speech", "signal", "Allison Smith, Digium: Asterisk's announcements", "CC BY-SA 3.0"),
        "1,024 samples of 16 bits at 8 kHz of one speaker; a source is an announcement",
        *((packages.SOUNDS,), fields.speech, _NUMBERS),
        digest="e6efb2e30f1ad785",
    ),
    RealSet(
        *("depth8", "float image", "Scharstein et al., Middlebury 2014, by way of scikit-image"),
        "BSD-3-clause (scikit-image); none apart",
        "tiles of disparities in pixels, measured by structured light, of one scene in a garage; a source is a region"
        " of 6x6, apart from others by one",
        *((packages.SCIKIT_IMAGE,), fields.depth8),
        digest="f4a292d83e121c0d",
    ),
    RealSet(
        *("brain8", "volume", "McConnell Brain Imaging Centre, MNI: ICBM 2009a, by way of nilearn"),
        "free to use, copy and change, with notice",
        "patches of 8x8x8 mm of the mean of 152 brains; a source is a coronal slab of 8 mm, 2 mm left out between",
        *((packages.NILEARN,), fields.brain8, _NUMBERS),
        digest="d076b8e561c7a9ff",
    ),
    RealSet(
        *("skull16", "volume", "Renato Archer centre: an example of InVesalius", "GPL-2"),
        "patches of 8x16x16 of a CT scan of one head, in Hounsfield units, 0.96 x 1.5 x 0.96 mm; a source is a coronal "
        "slab of 8, 2 left out between",
        *((packages.SKULL,), fields.skull16, _NUMBERS),
        digest="359640a03a9a5576",
    ),
)
SETS = {each.name: each for each in _ALL}
