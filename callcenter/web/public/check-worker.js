// Does nothing: browsers refuse to register it where they do not trust the certificate, and the check
// page wants to know that.
