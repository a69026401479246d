#!/bin/sh
# Jamf extension attribute "Headroom Agent Version", from the agent's status file. Runs as root; asks nobody.
status=/private/var/db/headroom/status.plist
value() { /usr/bin/plutil -extract "$1" raw -o - "$status" 2>/dev/null; }

# The status file outlives an agent that was removed without --purge, and its own version one that was just updated.
if [ ! -f '/Library/Application Support/HeadroomAgent/agent.cjs' ]; then
  echo "<result>not installed</result>"
elif [ -f "$status" ]; then
  echo "<result>$(value agentVersion)</result>"
else
  echo "<result>has not run</result>"
fi
