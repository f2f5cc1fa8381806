"""Room on the disks: who has to go without when there is little, and what is kept ready for whom.

Whoever watches must outlive what it watches, so nothing here needs a library, a database or an
event loop. What is decided stands in `rules`, pure; `disk_guard` (set-up) carries it out.
"""
