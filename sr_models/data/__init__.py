"""Pictures: reading, luma, resizing, degrading, finding. numpy and Pillow only, no torch."""
