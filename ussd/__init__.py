"""One file for each USSD gateway: its request becomes an ``Incoming``, the reply becomes its answer."""
