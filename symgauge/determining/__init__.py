"""Vector fields that solve the determining equations X f = 0 at fresh points; nothing is proved."""
