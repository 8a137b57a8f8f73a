"""The pages that people see: templates, their scripts and styles. `glimpse.text` reads them."""
