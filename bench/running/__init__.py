"""From a request to rows: what is asked, who upscales, who judges."""
