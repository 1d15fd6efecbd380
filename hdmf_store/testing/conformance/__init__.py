"""The tests that every storage adapter passes; needs the libraries of the extra ``testing``.

Derive one class for each kind of place, and run pytest::

    from hdmf_store.testing import AdapterConformance


    class TestVault(AdapterConformance):
        adapter_class = VaultAdapter

        def new_place(self, folder):
            return folder / f"{uuid.uuid4().hex}.vault"

What an adapter can do is read from its `Capabilities`: tests of what it does not claim are skipped, and nothing has to
be overridden. An adapter that only reads overrides `place_holding`, which has to put nodes where it can read them.

Tests of generated data try 20 examples each: a fifth of what Hypothesis's profile says, so that yours can ask for more.
"""

from hdmf_store.testing.conformance.base import Subject
from hdmf_store.testing.conformance.content import Content
from hdmf_store.testing.conformance.failing import Failing
from hdmf_store.testing.conformance.linking import Linking
from hdmf_store.testing.conformance.opening import Opening
from hdmf_store.testing.conformance.writing import Writing

__all__ = ["AdapterConformance", "Subject"]


class AdapterConformance(Opening, Content, Writing, Failing, Linking):
    """All that `StoreAdapter` promises, as tests."""
