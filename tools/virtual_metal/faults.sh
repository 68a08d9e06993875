# What can be made to go wrong in a running virtual lab? Sourced by tools/virtual-metal.
# shellcheck shell=bash disable=SC2154  # `parts` is of tools/virtual-metal

# make_fault DIR HOST FAULT...
make_fault() {
  (($# >= 3)) || bad_usage 'ctl needs a folder, a host and a fault'
  local host=$1/$2 fault=$3 value=${4:-}
  [[ -p $host/requests ]] || fail 2 "there is no running host in $host"
  case "$fault $value" in
    'state ') "$parts/power" "$host" hand get power | sed 's/power:1/on/; s/power:0/off/' ;;
    'power on') "$parts/power" "$host" hand set power 1 ;;
    'power off') "$parts/power" "$host" hand set power 0 ;;
    'power reset') "$parts/power" "$host" hand set reset 1 ;;
    bmc-refuse\ o* | pdu-refuse\ o* | redfish-refuse\ o* | bmc-lie\ o* | pdu-lie\ o* | redfish-lie\ o*)
      case $value in
        on) : >"$host/faults/$fault" ;;
        off) rm -f "$host/faults/$fault" ;;
        *) bad_usage "$fault is on or off" ;;
      esac ;;
    bmc-away\ [1-9]*) echo "bmc-away $value" >"$host/requests" ;;
    steal-sol\ [1-9]*) steal_console "$host" "$value" ;;
    'network down') "$parts/qmp" "$host" set_link '{"name":"management","up":false}' >/dev/null ;;
    'network up') "$parts/qmp" "$host" set_link '{"name":"management","up":true}' >/dev/null ;;
    'frozen on') "$parts/qmp" "$host" stop >/dev/null ;;
    'frozen off') "$parts/qmp" "$host" cont >/dev/null ;;
    'slow-network off') "$parts/qmp" "$host" object-del '{"id":"slow"}' >/dev/null ;;
    slow-network\ [1-9]*)
      "$parts/qmp" "$host" object-add \
        "{\"qom-type\":\"filter-buffer\",\"id\":\"slow\",\"netdev\":\"net\",\"interval\":${value}000}" >/dev/null ;;
    'heal ') heal_host "$host" ;;
    *) bad_usage "unknown fault \"$fault $value\"" ;;
  esac
}

# Holds the console's only session, after taking it from whoever has it; what it sees goes to HOST/thief.log.
steal_console() {
  local host=$1 seconds=$2 bmc
  bmc=(ipmitool -I lanplus -C 3 -H 127.0.0.1 -p "$(<"$host/bmc_port")" -U lab -f "$host/bmc_password")
  "${bmc[@]}" sol deactivate >/dev/null 2>&1 || true
  timeout "$seconds" "${bmc[@]}" sol activate < <(exec sleep "$seconds") >"$host/thief.log" 2>&1 || true
  "${bmc[@]}" sol deactivate >/dev/null 2>&1 || true
}

# The power is left as it is.
heal_host() {
  rm -f "$1"/faults/*
  echo bmc-back >"$1/requests"
  if [[ $("$parts/power" "$1" hand get power) == power:1 ]]; then
    "$parts/qmp" "$1" set_link '{"name":"management","up":true}' >/dev/null
    "$parts/qmp" "$1" cont >/dev/null
    "$parts/qmp" "$1" object-del '{"id":"slow"}' >/dev/null || true
  fi
}
