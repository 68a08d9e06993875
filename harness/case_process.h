// How is one attempt at a case run in a process of its own?
//
// A case may crash, hang or leak: the process takes that with it. It writes its events as JSON lines to a pipe; its
// output goes to harness.log in the attempt's folder. When it has not ended in time it is killed with its group, which
// takes the virtual machine along.
#pragma once

#include "harness/run.h"

namespace holdfast {

/// Which attempt at which case, and what the controller holds for it.
struct Attempt {
  const PlannedCase& planned;
  Where where;  ///< its target need not be the one that was planned
  std::string suite;
  bool several_targets = false;      ///< in this run
  const Custody* custody = nullptr;  ///< of the target; null: it looks after itself
};

/// Runs one attempt to its end and passes its events on; the last one, AttemptEnded, is returned instead. A process
/// that ends without one is a harness error, with the end of its log as evidence. When the machine is lost to somebody
/// else the process is killed at once, so that it touches nothing more: lab.lease-lost.
AttemptEnded run_attempt(const Attempt& attempt, const Controller& controller);

/// The sink at the other end, in the case's process: writes each event to `fd`. A broken pipe means that the
/// controller is gone; the process then stops by itself.
class EventPipe : public EventSink {
 public:
  explicit EventPipe(int fd) : fd_(fd) {}
  void on(const Event& event) override;

 private:
  int fd_;
};

}  // namespace holdfast
