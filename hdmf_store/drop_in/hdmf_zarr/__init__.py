"""What ``import hdmf_zarr`` finds where the folder above is on the path: it gives way to this package's modules."""

import sys

if __name__ == "hdmf_zarr":
    from hdmf_store.compat import install_as_hdmf_zarr

    del sys.modules[__name__]
    install_as_hdmf_zarr()
