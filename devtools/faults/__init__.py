"""Breaks every call that leaves a process, in every way, and shows that the system recovers.

Everything runs in one process and in virtual time: the real functions behind the real clients
(boto3 and of Kili, cut off right above their sockets), the deployed state machine, a stand-in of
Kili, and services made of memory. A scenario is run once to list its calls, and then once for
each call and each way in which it may fail.
"""
