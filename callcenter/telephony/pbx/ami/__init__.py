"""The AMI link: panoramisk's client, made safe.

`link` is what others use; `protocol` is where panoramisk ends and our rules begin.
"""
