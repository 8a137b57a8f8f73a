"""From folders of images to a frozen study."""
