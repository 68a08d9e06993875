// Which drivers does a host's own system need, and which of them has it?
#include "lab/metal/vital_drivers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(VitalDrivers, AreThoseOfDisksAndNetworks) {
  EXPECT_THAT(functions_it_lives_by({.uses = {{.bdf = "0000:03:00.0", .role = "network", .why = "eth0 has 192.0.2.7"},
                                              {.bdf = "0000:01:00.0", .role = "system disk", .why = "/ on nvme0n1p2"},
                                              {.bdf = "0000:01:00.0", .role = "disk", .why = "/srv on nvme0n1p3"},
                                              {.bdf = "0000:04:00.0", .role = "display", .why = "shows the console"}},
                                     .functions = {}}),
              ElementsAre("0000:01:00.0", "0000:03:00.0"));
  EXPECT_THAT(functions_it_lives_by({}), IsEmpty());
}

}  // namespace
}  // namespace holdfast::lab
