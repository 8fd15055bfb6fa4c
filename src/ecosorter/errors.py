"""Every error that EcoSorter raises on purpose, in one tree.

::

    EcoSorterError
    ├── PhotoError                 one photo cannot be used; `status` names why
    │   ├── PhotoMissing           no such file                                  missing
    │   ├── PhotoIsFolder          a folder where a photo should be              is_folder
    │   ├── PhotoUnreadable        the system refuses to read it                 unreadable
    │   ├── PhotoEmpty             no bytes                                      empty
    │   ├── PhotoTooManyBytes      larger than the cap, in bytes                 too_many_bytes
    │   ├── PhotoTooManyPixels     larger than the cap, in pixels                too_many_pixels
    │   ├── PhotoIsText            plain text                                    text
    │   ├── PhotoIsHtml            a web page saved under a photo's name         html
    │   ├── PhotoMislabelled       another kind of file (PDF, ZIP, video …)      mislabelled
    │   ├── PhotoUnsupported       no format that EcoSorter reads here           unsupported
    │   ├── PhotoTruncated         the file ends too early                       truncated
    │   └── PhotoCorrupt           the format is known, the content is broken    corrupt
    ├── BundleError                a model folder that cannot be used
    ├── DatasetError               a data set that cannot be used
    ├── DownloadError              a download that did not arrive whole
    │   └── DownloadBrokenOff      it may arrive another time
    ├── CacheError                 a cache that can be neither read nor cleared
    ├── RecipeError                a recipe or setting that cannot be used
    ├── BackboneError              a pretrained network that cannot be loaded
    ├── ExportError                an exported model that disagrees with the trained one
    ├── RunError                   a training run that cannot start or go on
    ├── GuidanceError              a scheme, class or answer that the guidance does not have
    ├── BulkError                  many photos cannot be classified as asked
    ├── ServiceError               the HTTP service cannot start, or was told something wrong
    └── StoreError                 the store of corrections cannot be opened or used

Each message says what is wrong and what to do about it.
"""


class EcoSorterError(Exception):
    """The root: catch it to catch everything that EcoSorter raises on purpose."""


class PhotoError(EcoSorterError):
    """One photo cannot be used. `status` is the word that stands for the reason in every output."""

    status = "photo_error"


class PhotoMissing(PhotoError):
    """There is no such file."""

    status = "missing"


class PhotoIsFolder(PhotoError):
    """A folder stands where a photo should be."""

    status = "is_folder"


class PhotoUnreadable(PhotoError):
    """The operating system refuses to read the file."""

    status = "unreadable"


class PhotoEmpty(PhotoError):
    """The file has no bytes."""

    status = "empty"


class PhotoTooManyBytes(PhotoError):
    """The file is larger than the cap on bytes."""

    status = "too_many_bytes"


class PhotoTooManyPixels(PhotoError):
    """The photo would be larger than the cap on pixels once decoded (a decompression bomb)."""

    status = "too_many_pixels"


class PhotoIsText(PhotoError):
    """The file is plain text."""

    status = "text"


class PhotoIsHtml(PhotoError):
    """The file is a web page saved under a photo's name, as a failed download leaves it."""

    status = "html"


class PhotoMislabelled(PhotoError):
    """The file is of another known kind (PDF, ZIP, video …) whatever its name says."""

    status = "mislabelled"


class PhotoUnsupported(PhotoError):
    """The content is no format that EcoSorter reads, or HEIC where the extra ``[heic]`` is not installed."""

    status = "unsupported"


class PhotoTruncated(PhotoError):
    """The file ends before the picture does."""

    status = "truncated"


class PhotoCorrupt(PhotoError):
    """The format is known but the content is broken."""

    status = "corrupt"


class BundleError(EcoSorterError):
    """A model folder is missing, damaged or of a version that this program does not read."""


class DatasetError(EcoSorterError):
    """A data set is empty, has unknown class names, or a manifest that cannot be read."""


class DownloadError(EcoSorterError):
    """A download broke off, has a wrong checksum, or holds something unsafe."""


class DownloadBrokenOff(DownloadError):
    """A download broke off, or its server is not to be reached: another time may be better."""


class CacheError(EcoSorterError):
    """The cache can be neither read nor cleared; work that would use it goes on without."""


class RecipeError(EcoSorterError):
    """A recipe or a setting has an unknown key or a value out of range."""


class BackboneError(EcoSorterError):
    """A pretrained network is not to be found or does not fit."""


class ExportError(EcoSorterError):
    """The exported model and the trained one disagree."""


class RunError(EcoSorterError):
    """A training run cannot start or go on."""


class GuidanceError(EcoSorterError):
    """A scheme's file is wrong, or there is no such scheme, class or answer."""


class BulkError(EcoSorterError):
    """Many photos cannot be classified as asked: an input, an output or a folder does not fit, or Ray fails."""


class ServiceError(EcoSorterError):
    """The HTTP service cannot start, or one of its settings is wrong."""


class StoreError(EcoSorterError):
    """The database or the photos of the corrections cannot be opened or used."""
