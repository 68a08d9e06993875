// Does one live update leave the kernel able to do the next?
#include "fixtures/case.h"

namespace holdfast {
namespace {

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

}  // namespace
}  // namespace holdfast
