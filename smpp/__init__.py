"""SMPP 3.4 as an ESME speaks it: codec, session, connection. It knows nothing of conversations or
dispatching; the USSD door and the dispatcher share it.

``pdu`` turns bytes into PDUs and back; ``session`` is one bind on one TCP connection; ``connection`` keeps
several of them bound. ``coding`` and ``parts`` are texts as short messages carry them, ``receipts`` what an
SMSC says became of them.

Source: SMPP Protocol Specification v3.4, issue 1.2; section numbers in this package are its.
"""
