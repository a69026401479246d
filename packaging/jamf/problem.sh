#!/bin/sh
# Jamf extension attribute "Headroom Problem", from the agent's status file. Runs as root; asks nobody.
status=/private/var/db/headroom/status.plist
value() { /usr/bin/plutil -extract "$1" raw -o - "$status" 2>/dev/null; }

# The last thing that went wrong, as its code in the error catalogue; "none" when nothing did, or the link is well again.
if [ ! -f "$status" ]; then
  echo "<result>the agent has not run</result>"
  exit 0
fi
code=$(value lastError.code) || code=""
echo "<result>${code:-none}</result>"
