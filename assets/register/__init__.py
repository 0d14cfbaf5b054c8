"""Staged -> register: what the sources say, folded into what holds; who is who; one golden row per registrant.

`facts` folds statements, `linkage` and `membership` decide who is who, `expiry` what is past its time, `golden` picks
each attribute, `relationships` gathers contracts, orders, visits and credit data under the registrant.
"""
