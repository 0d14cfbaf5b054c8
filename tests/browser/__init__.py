"""What needs a real browser (Chromium), which no package of ours brings: `make browser`."""
