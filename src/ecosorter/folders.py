"""What a NAS, a system or an archiver puts into people's folders for itself."""

SYSTEM_FOLDERS = frozenset(
    name.lower()
    for name in (
        *("@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "@tmp"),  # Synology, QNAP
        *("$RECYCLE.BIN", "RECYCLER", "System Volume Information", "FOUND.000"),  # Windows
        *("__MACOSX", ".AppleDouble", "Network Trash Folder"),  # macOS, in archives and on other systems' disks
        "lost+found",  # Linux
    )
)
"""Folders that a NAS, a system or an archiver makes beside people's photos, in small letters: thumbnails, what was
deleted, what a check of the disk found. They are left out of folders and archives."""


def is_system_folder(name: str) -> bool:
    """Tell whether a folder's name is one of `SYSTEM_FOLDERS`, in any mix of small and capital letters."""
    return name.lower() in SYSTEM_FOLDERS


def is_clutter(name: str) -> bool:
    """Tell whether a name in a folder is hidden, or that of a system's folder: nothing that a person put there."""
    return name.startswith(".") or is_system_folder(name)
