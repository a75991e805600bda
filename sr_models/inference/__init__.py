"""From a weights file to an upscaler, and to the forms in which others want it."""
