"""Shows results outside a terminal: a page, Markdown, JUnit's XML, a badge. Imports nothing of ours."""
