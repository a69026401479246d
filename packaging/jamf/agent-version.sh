#!/bin/sh
# Jamf extension attribute "Headroom Agent Version", from the agent's status file. Runs as root; asks nobody.
status=/private/var/db/headroom/status.json
value() { /usr/bin/plutil -extract "$1" raw -o - "$status" 2>/dev/null; }

if [ -f "$status" ]; then
  echo "<result>$(value agentVersion)</result>"
else
  echo "<result>not installed</result>"
fi
