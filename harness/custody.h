// Who looks after a machine before, between and after its cases?
//
// A case's process drives its target; somebody else has to hold the lease, keep the console recorded while no case
// runs, and bring the machine back when a case left it broken. A virtual machine needs nobody: each case makes its own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/event.h"

namespace holdfast {

/// The care for one machine during one run. Used by one thread, but for lost().
class Custody {
 public:
  virtual ~Custody() = default;  ///< gives back what is still held, at once and without checks
  /// Before the first case: leased, its console recorded. Errors: lab.leased (by whom since when), lab.quarantined.
  virtual Result<void> take(const Deadline& deadline) = 0;
  /// Before each case, the first included: the machine is healthy and where a case can begin, healed if it has to be.
  /// An error means that the machine is out of the run: it is in quarantine, or not the one that it should be.
  virtual Result<void> make_ready(const Deadline& deadline) = 0;
  /// After the last case: left in its own system, healthy, and free for others. An error: quarantined instead.
  virtual Result<void> give_back(const Deadline& deadline) = 0;
  /// What the process of a case must be told to reach what is held here: words for its command line.
  virtual std::vector<std::string> case_argv() const = 0;
  /// Requested when the machine must not be touched any more: somebody else may hold it now.
  virtual const Stop& lost() const = 0;
};

/// By target; a target without one looks after itself.
using Custodians = std::map<std::string, std::unique_ptr<Custody>>;

}  // namespace holdfast
