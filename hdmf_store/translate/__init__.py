"""Translation: HDMF builders to nodes and back, and what can be done with nodes of any store.

Knows HDMF and the protocol; knows no engine.
"""
