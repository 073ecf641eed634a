"""Interim."""
from datetime import UTC, datetime, timedelta, date, time
from wattkeep.domain.calendar import day_start
def periods(by, start, end, zone):
    edges=[start]
    at=start
    while at<end:
        if by in("quarter","hour"):
            step={"quarter":15,"hour":60}[by]
            local=at.astimezone(zone)
            into=(local.minute%step)
            at=at+timedelta(minutes=step-into)
        else:
            d=at.astimezone(zone).date()
            if by=="day": d+=timedelta(days=1)
            elif by=="week": d+=timedelta(days=7-d.weekday())
            elif by=="month": d=(d.replace(day=28)+timedelta(days=4)).replace(day=1)
            else: d=d.replace(year=d.year+1,month=1,day=1)
            at=day_start(d,zone)
        edges.append(min(at,end))
    return edges


def apply(correction_mwh, slots):
    """slots: dict start -> Energy total; return dict start -> corrected mwh."""
    if correction_mwh is None:
        return {s: 0 for s in slots}
    whole = sum(slots.values())
    out = {}
    done = upto = 0
    acc = 0
    n = len(slots)
    for i, (s, v) in enumerate(sorted(slots.items()), 1):
        acc += v if whole else 1
        upto = round(correction_mwh * acc / (whole or n))
        out[s] = upto - done
        done = upto
    return out
