// What does the agent hold, from its start to its end?
#pragma once

#include <functional>
#include <memory>

#include "harness/agent/busy_threads.h"
#include "harness/agent/channel.h"
#include "harness/agent/drivers.h"
#include "harness/agent/files.h"
#include "harness/agent/handles.h"
#include "harness/agent/holders.h"
#include "harness/agent/occupation.h"
#include "harness/agent/write_jobs.h"
#include "harness/base/deadline.h"
#include "harness/wire/verbs_system.h"

namespace holdfast::agent {

/// All of it survives the connections; one thread uses it, but for `occupation`.
struct State {
  State(wire::Hello identity, Files given, const Stop* stop_)
      : hello(std::move(identity)), files(std::move(given)), stop(stop_), drivers(jobs) {}

  wire::Hello hello;
  Files files;
  const Stop* stop;  ///< asks the agent to end; null for init, which never does
  WriteJobs jobs;
  Drivers drivers;
  Fd liveupdate;  ///< /dev/liveupdate, once a request needed it
  Handles handles;
  Holders holders;
  BusyThreads busy;
  /// Of an agent that answers roll calls before it has a state, the one that they tell of.
  std::shared_ptr<Occupation> occupation = std::make_shared<Occupation>();
  bool crash_kernel_loaded = false;   ///< by a request to this agent
  Channel* channel = nullptr;         ///< the connection whose request is being served
  std::function<void()> after_reply;  ///< done when the reply has been sent

  /// `wait_ms` of a request from now, capped: nobody else is served meanwhile.
  Deadline deadline(uint64_t wait_ms) const {
    constexpr uint64_t kLongest = 60'000;
    return Deadline::after(Millis(wait_ms < kLongest ? wait_ms : kLongest), stop);
  }
};

}  // namespace holdfast::agent
