"""The adapters that ship with hdmf-store: where hierarchies are stored.

They import the engines (zarr, numcodecs, h5py) and the nodes and protocol of `hdmf_store`; never an HDMF builder or
container. A vendor's package looks just like this one.
"""
