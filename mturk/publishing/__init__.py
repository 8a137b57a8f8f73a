"""From a frozen study to HITs that people can take."""
