"""A folder for ``PYTHONPATH`` or a ``.pth`` file, in which the package ``hdmf_zarr`` stands for this one."""
