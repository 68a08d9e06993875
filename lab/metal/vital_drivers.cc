// Without which drivers does a system on a host's own disk not come up, or is not reached?
#include "lab/metal/vital_drivers.h"

#include <set>

#include "harness/base/text.h"

namespace holdfast::lab {

std::vector<std::string> functions_it_lives_by(const wire::HostFactsReply& facts) {
  std::set<std::string> functions;
  for (const wire::HostUse& use : facts.uses) {
    // A display or a BMC's function is not to be tested, but nothing waits for its driver.
    if (use.role.ends_with("disk") || use.role == "network") functions.insert(use.bdf);
  }
  return {functions.begin(), functions.end()};
}

Result<std::vector<std::string>> drivers_it_lives_by(Ssh& ssh, const wire::HostFactsReply& facts,
                                                     const Deadline& deadline) {
  std::vector<std::string> argv{"sh", "-c", kListDrivers, "sh"};
  const auto functions = functions_it_lives_by(facts);
  argv.insert(argv.end(), functions.begin(), functions.end());
  const std::string listing = TRY_IN("look at the drivers of disks and networks", ssh.ask(argv, deadline));
  std::set<std::string> drivers;
  for (const std::string_view line : split(listing, '\n')) {
    if (const auto driver = trim(line); !driver.empty()) drivers.emplace(driver);
  }
  return std::vector<std::string>(drivers.begin(), drivers.end());
}

}  // namespace holdfast::lab
