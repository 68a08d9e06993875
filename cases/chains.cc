// Does one live update leave the kernel able to do the next?
#include <optional>

#include "fixtures/case.h"

namespace holdfast {
namespace {

constexpr uint64_t kBytes = uint64_t{1} << 18;
constexpr uint64_t kDeviceToken = 1;
constexpr uint64_t kMemoryToken = 2;

/// What goes from kernel to kernel.
struct Luggage {
  Bound bound;
  Memory memory;
};

HOLDFAST_CASE(Chains, SecondKexecInARow,
              "a device that was preserved, retrieved and finished can be preserved again for a second kexec",
              .level = Level::kRetrieve, .devices = one_device(), .timeout = std::chrono::seconds(180)) {
  Running first = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(first, scenario.device()));
  Session session = MUST(scenario.create_session(first, "one"));
  MUST(scenario.preserve(first, session, bound, 1));

  Running second = MUST(scenario.kexec(std::move(first), {.expected = {bound}}));
  MUST(scenario.verify(second));
  Bound arrived = MUST(scenario.bind_driver(second, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(second, "one"));
  Bound back = MUST(scenario.retrieve(second, incoming, arrived, 1));
  MUST(scenario.finish(second, incoming));

  Session outgoing = MUST(scenario.create_session(second, "two"));
  MUST(scenario.preserve(second, outgoing, back, 2));
  Running third = MUST(scenario.kexec(std::move(second), {.expected = {back}}));
  MUST(scenario.verify(third));
  Bound again = MUST(scenario.bind_driver(third, scenario.device()));
  Session last = MUST(scenario.retrieve_session(third, "two"));
  Bound home = MUST(scenario.retrieve(third, last, again, 2));
  MUST(scenario.exercise(third, home));
  MUST(scenario.finish(third, last));
}

/// Preserves the luggage, goes to the next kernel, verifies it, and takes the luggage out of its session there.
Result<Running> carry(Scenario& scenario, Running&& old, Luggage& luggage, const std::string& session_name) {
  const Session outgoing = TRY(scenario.create_session(old, session_name));
  TRY(scenario.preserve(old, outgoing, luggage.bound, kDeviceToken));
  TRY(scenario.preserve(old, outgoing, luggage.memory, kMemoryToken));
  Running next = TRY(scenario.kexec(std::move(old), {.expected = {luggage.bound}}));
  TRY(scenario.verify(next));
  const Bound arrived = TRY(scenario.bind_driver(next, luggage.bound.device));
  const Session incoming = TRY(scenario.retrieve_session(next, session_name));
  luggage.bound = TRY(scenario.retrieve(next, incoming, arrived, kDeviceToken));
  luggage.memory = TRY(scenario.retrieve(next, incoming, luggage.memory, kMemoryToken));
  TRY(scenario.finish(next, incoming));
  return next;
}

HOLDFAST_CASE(Chains, FiveKexecsInARow, "a device and a memfd are carried through five kexecs, and are sound in each",
              .level = Level::kRetrieve, .devices = one_device(), .timeout = std::chrono::seconds(420)) {
  std::optional<Running> kernel(MUST(scenario.boot()));
  Luggage luggage{.bound = MUST(scenario.bind(*kernel, scenario.device())),
                  .memory = MUST(scenario.create_memory(*kernel, kBytes))};
  for (int number = 1; number <= 5; ++number) {
    // Always the same name: a session that is finished leaves nothing that the next could stumble over.
    Running next = MUST(carry(scenario, *std::move(kernel), luggage, "luggage"));
    MUST(scenario.exercise(next, luggage.bound));
    const std::string digest = MUST(scenario.digest_of(next, luggage.memory));
    EXPECT_EQ(digest, luggage.memory.sha256) << "the memfd came out of kexec " << number << " with other bytes";
    kernel.emplace(std::move(next));
  }
}

HOLDFAST_CASE(Chains, FinishedDeviceIsPreservedAndReleasedAgain,
              "in the kernel where it was finished, a device can be preserved, released, given back and preserved anew",
              .level = Level::kRetrieve, .devices = one_device(), .timeout = std::chrono::seconds(180)) {
  Running first = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(first, scenario.device()));
  Session session = MUST(scenario.create_session(first, "one"));
  MUST(scenario.preserve(first, session, bound, 1));

  Running second = MUST(scenario.kexec(std::move(first), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(second, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(second, "one"));
  Bound back = MUST(scenario.retrieve(second, incoming, arrived, 1));
  MUST(scenario.finish(second, incoming));

  Session released = MUST(scenario.create_session(second, "released"));
  MUST(scenario.preserve(second, released, back, 1));
  MUST(scenario.close_session(second, released));
  MUST(scenario.restore(second, back));
  Bound afresh = MUST(scenario.bind(second, scenario.device()));
  Session kept = MUST(scenario.create_session(second, "kept"));
  MUST(scenario.preserve(second, kept, afresh, 1));

  Running third = MUST(scenario.kexec(std::move(second), {.expected = {afresh}}));
  MUST(scenario.verify(third));
  const std::string answer =
      MUST(scenario.refused(Phase::kRetrieve, third, wire::LuoSessionRetrieve{.name = "released"}));
  EXPECT_EQ(answer, "ENOENT") << "a session that was closed before the kexec arrived";
  MUST(scenario.retrieve_session(third, "kept"));
}

}  // namespace
}  // namespace holdfast
