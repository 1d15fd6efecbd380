"""`NWBZarrIO`: Zarr files of Neurodata Without Borders; needs pynwb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdmf.backends.io import HDMFIO
from hdmf.build import BuildManager

from hdmf_store.adapter import CREATING_MODES, StoreAdapter, check_mode
from hdmf_store.errors import ArgumentError, MissingExtraError, MissingHierarchyError
from hdmf_store.facade.anonymous import anonymous_for
from hdmf_store.facade.arguments import check_flags
from hdmf_store.facade.namespaces import adapter_of
from hdmf_store.facade.zarr_io import ZarrIO, adapter_options
from hdmf_store.nodes import ROOT, Group
from hdmf_store.translate.specs import load_namespaces as load_cached

__all__ = ["NWBZarrIO"]


class NWBZarrIO(ZarrIO):
    """Reads and writes NWB files in Zarr.

    Parameters
    ----------
    path, mode, synchronizer, object_codec_class, storage_options, force_overwrite
        As for `ZarrIO`.
    manager : BuildManager, optional
        By default NWB's, with the extensions that the file caches.
    load_namespaces : bool, default True
        Whether to load the specifications that the file caches; not done in modes that create, nor when a manager
        is given.
    zarr_format, durable, herd_path, may_read
        As for `ZarrIO`.
    driver, aws_region : None
        What callers that serve several backends pass for HDF5; only None is accepted.

    Raises
    ------
    MissingExtraError
        If pynwb is not installed.
    """

    def __init__(
        self,
        path: Any,
        mode: str = "r",
        manager: BuildManager | None = None,
        synchronizer: Any = None,
        object_codec_class: Any = None,
        storage_options: Mapping[str, Any] | None = None,
        force_overwrite: bool = False,
        load_namespaces: bool = True,
        *,
        zarr_format: int | None = None,
        durable: bool = False,
        herd_path: str | None = None,
        may_read: Any = (),
        driver: None = None,
        aws_region: None = None,
    ) -> None:
        if driver is not None or aws_region is not None:
            raise ArgumentError("driver and aws_region are HDF5's; for Zarr on S3 pass storage_options")
        check_mode(mode)
        check_flags(load_namespaces=load_namespaces)
        options = adapter_options(
            synchronizer, object_codec_class, storage_options, force_overwrite, zarr_format, durable
        )
        adapter = adapter_of(self._adapter_class(path), path, options, may_read)
        if manager is None:
            manager = _manager(adapter, mode, load_namespaces)
        super().__init__(adapter, mode, manager, herd_path=herd_path, may_read=may_read)
        self._path = path
        self._object_codec_class = options.get("object_codec", self._object_codec_class)

    @property
    def nwb_version(self) -> tuple[str | None, tuple[int | str, ...] | None]:
        """The file's version of NWB, as it is stored and in parts; (None, None) if it names none."""
        self._check("read")
        root = self._adapter.load()[ROOT]
        text = root.attributes.get("nwb_version") if isinstance(root, Group) else None
        if not isinstance(text, str):
            return None, None
        parts = text.lower().replace("nwb-", "").replace("-", ".").split(".")
        return text, tuple(int(part) if part.isdigit() else part for part in parts)

    def read(self, **kwargs: Any) -> Any:
        """Return the `pynwb.NWBFile` that the file holds.

        Parameters
        ----------
        skip_version_check : bool, default False
            Read the file also if it names no version of NWB, or one before 2.

        Raises
        ------
        TypeError
            If the version is not supported.
        """
        skip = kwargs.pop("skip_version_check", False)
        self._check("read", reads=True)
        text, parts = (None, None) if skip else self.nwb_version
        if not skip and parts is None:
            raise TypeError(f"{self.source}: names no NWB version, so it is no NWB file. Read it with ZarrIO.")
        if not skip and isinstance(parts[0], int) and parts[0] < 2:  # type: ignore[index]
            raise TypeError(f"{self.source}: NWB {text} is not supported; versions from 2 on are")
        return super().read(**kwargs)

    def export(  # type: ignore[override]  # pynwb's users say nwbfile where HDMF's say container
        self, src_io: HDMFIO, nwbfile: Any = None, write_args: Any = None, **kwargs: Any
    ) -> None:
        """Store what another file holds; see `StoreIO.export`.

        Parameters
        ----------
        src_io : HDMFIO
        nwbfile : NWBFile, optional
            What was read from `src_io`, with the changes that are to be exported.
        write_args : dict, optional
        **kwargs
            As for `StoreIO.export`.
        """
        container = kwargs.pop("container", None)
        if container is not None and nwbfile is not None:
            raise ArgumentError("nwbfile and container are two names of one argument: pass one of them")
        super().export(src_io, nwbfile if container is None else container, write_args, **kwargs)

    @staticmethod
    def read_nwb(path: Any) -> Any:
        """Open a file and return its `pynwb.NWBFile`; the file stays open as long as that is used."""
        io = NWBZarrIO(path, "r", storage_options=anonymous_for(path))
        try:
            return io.read()
        except BaseException:
            io.close()
            raise

    @staticmethod
    def validate(path: Any, storage_options: Mapping[str, Any] | None = None, **options: Any) -> list[Any]:
        """Check a file against the schema that it caches; return what PyNWB finds wrong, nothing if all is well.

        Parameters
        ----------
        path : str, Path or store
        storage_options : dict, optional
            As for `NWBZarrIO`.
        **options
            Of `pynwb.validate`: ``namespace``, ``use_cached_namespaces``, ``verbose``.
        """
        import pynwb

        with NWBZarrIO(path, "r", storage_options=storage_options or anonymous_for(path)) as io:
            found: list[Any] = pynwb.validate(io=io, **options)
        return found


def _manager(adapter: StoreAdapter, mode: str, load_namespaces: bool) -> BuildManager:
    """Return NWB's manager, which also knows what the file caches; the file is open then, so that it is read once."""
    try:
        from pynwb import get_manager, get_type_map
    except ImportError:
        raise MissingExtraError("pynwb", "nwb", "reading and writing NWB files") from None
    if not load_namespaces or mode in CREATING_MODES:
        return get_manager()
    type_map = get_type_map()
    adapter.open(mode)
    try:
        load_cached(type_map, adapter)
    except MissingHierarchyError:  # mode "a", and nothing there yet
        adapter.close()
        return get_manager()
    except BaseException:
        adapter.close()
        raise
    return BuildManager(type_map)
