"""The pseudo-inverse, and the rank that its tolerance decides on."""

from __future__ import annotations
