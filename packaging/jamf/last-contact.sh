#!/bin/sh
# Jamf extension attribute "Headroom Last Contact", from the agent's status file. Runs as root; asks nobody.
status=/private/var/db/headroom/status.plist
value() { /usr/bin/plutil -extract "$1" raw -o - "$status" 2>/dev/null; }

# Extension attributes of type Date take "YYYY-MM-DD hh:mm:ss"; empty means never.
seen=$(value lastContactAt | sed -n "s/^\([0-9-]*\)T\([0-9:]*\).*/\1 \2/p")
echo "<result>$seen</result>"
