"""Label maps into folders of images, films and galleries."""
