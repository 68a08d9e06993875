// What stands in the files that say who may use a host?
//
// All are JSON objects. One that cannot be read is an error, never a guess: who meets it treats the host as taken.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "lab/lease/owner.h"

namespace holdfast::lab {

/// `<host>.lease`: who uses the host now.
struct LeaseRecord {
  Owner owner = {};
  std::string purpose = {};            ///< "holdfast run"
  std::filesystem::path run_dir = {};  ///< or empty
  std::filesystem::path console = {};  ///< the socket of the console's recorder, or empty
  uint64_t token = 0;                  ///< larger than that of any holder before
  LeaseClock::Wall taken_at = {};      ///< to the second
  Millis taken_since_boot{0};          ///< on the owner's machine
  Millis expiry{0};                    ///< without a sign of life for so long, the owner has given the host up
};

/// `<host>.beat-<token>`: the owner's last sign of life. Only the owner of that token writes it, so that one who was
/// stopped and wakes up late overwrites nothing of his successor's.
struct Beat {
  uint64_t token = 0;
  uint64_t count = 0;
  LeaseClock::Wall at = {};  ///< to the second
  Millis since_boot{0};
};

/// `<host>.reserved`: a person keeps the host for herself. Her own runs may use it.
struct Reservation {
  std::string user = {};
  std::string host = {};  ///< where it was made
  std::string why = {};
  LeaseClock::Wall since = {};
  LeaseClock::Wall until = {};
};

/// `<host>.quarantine`: nothing brought the host back.
struct Quarantine {
  std::string why = {};
  std::string run = {};   ///< the run's folder, or who else found out
  std::string rung = {};  ///< of the recovery, the last that was tried
  LeaseClock::Wall since = {};
};

std::string to_json(const LeaseRecord& record);
std::string to_json(const Beat& beat);
std::string to_json(const Reservation& reservation);
std::string to_json(const Quarantine& quarantine);

// Errors: lab.lease-file, saying what is wrong with the text.
Result<LeaseRecord> parse_lease(std::string_view text);
Result<Beat> parse_beat(std::string_view text);
Result<Reservation> parse_reservation(std::string_view text);
Result<Quarantine> parse_quarantine(std::string_view text);

}  // namespace holdfast::lab
