/** Where the agent keeps things, as paths of the Mac. Everything below HOME is readable by root only. */
export const HOME = '/var/db/headroom';
export const IDENTITY_FILE = `${HOME}/identity.json`;
export const KEY_FILE = `${HOME}/key.pem`;
/** Grant keys that are believed no more; it outlives a new enrolment. */
export const RETIRED_KEYS_FILE = `${HOME}/retired-grant-keys.json`;
export const CERTIFICATE_FILE = `${HOME}/cert.pem`;
export const STATE_FILE = `${HOME}/state.json`;
/** How the Mac stood before it was raised. */
export const BASELINE_FILE = `${HOME}/baseline.json`;
/** Builds whose KDK Headroom installed, and not somebody else. */
export const INSTALLED_KDKS_FILE = `${HOME}/installed-kdks.json`;
/** Guests counted by somebody who knows their kind, in this boot. */
export const WITNESS_FILE = `${HOME}/witness.json`;
export const SOCKET_FILE = `${HOME}/agent.sock`;
export const STATUS_FILE = `${HOME}/status.json`;
export const STATUS_PLIST_FILE = `${HOME}/status.plist`;
export const LOCK_FILE = `${HOME}/agent.lock`;
export const JOURNAL_FOLDER = `${HOME}/journal`;
/** Images being fetched; empty when no KDK is being installed. */
export const KDK_FOLDER = `${HOME}/kdk`;
/** Private mount points of KDK images. */
export const MOUNT_FOLDER = `${HOME}/mnt`;
/** The built kernel collection and its sidecar. */
export const KC_FOLDER = `${HOME}/kc`;
export const LOG_FOLDER = `${HOME}/logs`;

export const KIT_FOLDER = '/Library/Headroom';
export const KDKS_FOLDER = '/Library/Developer/KDKs';
