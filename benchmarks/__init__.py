"""How fast this backend is, side by side with its peers.

The suite stands beside the packages it measures and is not shipped with them. Two halves that share
only the command line and a line of JSON:

* the harness (`__main__`, `environments`, `rounds`, `report`) decides who runs when, and needs nothing
  but the standard library;
* the measured half (`measure`, `subject`, `scenarios`) runs inside the environment of one subject, in
  a process of its own.
"""
