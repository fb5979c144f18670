"""Labels that people have corrected in other programs: bytes in, masks out."""
