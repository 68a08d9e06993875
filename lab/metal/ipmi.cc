// How is a BMC asked something?
#include "lab/metal/ipmi.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "harness/base/text.h"
#include "lab/secret.h"

namespace holdfast::lab {
namespace {

/// For one question. With -N 1 -R 2, ipmitool gives up on a BMC that is silent after 6 s.
constexpr Millis kQuestion{30'000};

/// What ipmitool -v says when the BMC knows neither this user nor this password (RAKP: IPMI 2.0, section 13.20).
constexpr std::array<std::string_view, 3> kRefusals{"HMAC is invalid", "unauthorized name", "unauthorized role"};

}  // namespace

std::string name_of(const IpmiAccess& bmc) { return fmt::format("{}:{}", bmc.address, bmc.port); }

Result<Command> ipmi_command(const IpmiAccess& bmc, std::vector<std::string> words) {
  // -C: else each command begins with a list of cipher suites, which many BMCs are slow to give or do not give.
  Command command{.argv = {"ipmitool", "-I", "lanplus", "-C", std::to_string(bmc.cipher_suite), "-H", bmc.address, "-p",
                           std::to_string(bmc.port), "-N", "1", "-R", "2", "-E"}};
  if (!bmc.user.empty()) command.argv.insert(command.argv.end(), {"-U", bmc.user});
  command.env["IPMI_PASSWORD"] = bmc.password.given() ? TRY(read_secret(bmc.password)) : "";
  std::ranges::move(words, std::back_inserter(command.argv));
  return command;
}

Result<std::string> ipmi(const IpmiAccess& bmc, std::vector<std::string> words, const Deadline& deadline) {
  const std::string asked = join(words, " ");
  words.insert(words.begin(), "-v");  // says why a session could not be had
  const Command command = TRY(ipmi_command(bmc, std::move(words)));
  auto output = run(command, deadline.at_most(kQuestion));
  if (output && output->status.success()) return std::move(output->out);
  if (!output && output.error().kind != "timeout") return std::move(output).error();
  const std::string said =
      without_secret(output ? output->err + output->out : output.error().what, command.env.at("IPMI_PASSWORD"));
  Error error = lab_error("bmc", fmt::format("BMC {}: \"{}\" failed", name_of(bmc), asked));
  if (!output && deadline.expired()) error.errnum = ETIME;
  if (std::ranges::any_of(kRefusals, [&](std::string_view refusal) { return said.find(refusal) != said.npos; })) {
    error.errnum = EACCES;
    error.what += ": it refused the user or the password";
    error.hint = "check the user and the password of this BMC in the inventory, and that IPMI over LAN is on";
  } else if (said.find("Unable to establish") != std::string::npos) {
    error.what += ": no session could be had";
  } else if (const size_t no = said.rfind(" failed: "); output && no != std::string::npos) {
    // The sentence of ipmitool for a completion code that is not 0 (ipmi_chassis.c, ipmi_mc.c).
    error.errnum = EREMOTEIO;
    error.what +=
        fmt::format(": it answers \"{}\"", printable(trim(said.substr(no + 9, said.find('\n', no) - no - 9))));
  }
  return std::move(error).with("ipmitool", printable(last_lines(said, 40)));
}

}  // namespace holdfast::lab
