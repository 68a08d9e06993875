// How does a text become a mail, and reach those who want it?
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "reports/words.h"

namespace holdfast::reports {

struct Mail {
  std::string from = {};  ///< empty: whoever sends it
  std::vector<std::string> to;
  std::string subject;
  std::string text;
  std::string id;  ///< of this message, without brackets: "479a07.nightly@host"
  WallClock::time_point date = WallClock::now();
};

/// The message with its headers, as `sendmail -t` reads it. Whatever subject and text hold, no header comes in
/// (RFC 5322; RFC 2045 and 2047 for what is not ASCII, and for lines that are too long).
std::string mail_message(const Mail& mail);

/// Hands a message to `argv` on its standard input. Errors: lab.mail, with what it said.
Result<void> send_mail(const std::vector<std::string>& argv, const Mail& mail, const Deadline& deadline);

/// Runs a command of the lab's own with the text on its standard input and `environment` added to its own. Errors:
/// lab.command, with what it said.
Result<void> tell_command(const std::vector<std::string>& argv, std::string_view text,
                          const std::map<std::string, std::string>& environment, const Deadline& deadline);

}  // namespace holdfast::reports
