#include "plan/dag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pellucid {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// 0 -> 2 -> 1 -> 3, and 4 alone.
void fill(Dag& dag) {
  dag.add_edge(0, 2);
  dag.add_edge(2, 1);
  dag.add_edge(1, 3);
}

TEST(Dag, orders_producers_before_consumers_and_else_by_number) {
  Dag dag(5);
  fill(dag);
  EXPECT_THAT(dag.order(), ElementsAre(0, 2, 1, 3, 4));
}

TEST(Dag, keeps_the_order_of_the_numbers_where_edges_allow_it) {
  Dag dag(4);
  dag.add_edge(0, 3);
  dag.add_edge(1, 3);
  EXPECT_THAT(dag.order(), ElementsAre(0, 1, 2, 3));
}

TEST(Dag, marks_what_is_up_and_downstream) {
  Dag dag(5);
  fill(dag);
  EXPECT_THAT(dag.downstream_of({2}), ElementsAre(false, true, true, true, false));
  EXPECT_THAT(dag.upstream_of({1}), ElementsAre(true, true, true, false, false));
  EXPECT_THAT(dag.upstream_of({}), ElementsAre(false, false, false, false, false));
}

TEST(Dag, finds_connected_parts_whatever_the_direction) {
  Dag dag(5);
  dag.add_edge(0, 2);
  dag.add_edge(1, 2);
  dag.add_edge(4, 3);
  const auto parts = dag.parts();
  EXPECT_EQ(parts[0], parts[1]);
  EXPECT_EQ(parts[0], parts[2]);
  EXPECT_EQ(parts[3], parts[4]);
  EXPECT_NE(parts[0], parts[3]);
}

TEST(Dag, has_no_cycles_where_there_are_none) {
  Dag dag(5);
  fill(dag);
  dag.add_edge(0, 3);
  EXPECT_THAT(dag.cycles(), IsEmpty());
}

TEST(Dag, names_the_shortest_cycle_of_every_knot) {
  Dag dag(7);
  // Two ways round in one knot: 0 -> 1 -> 2 -> 3 -> 0 and 0 -> 1 -> 0.
  dag.add_edge(0, 1);
  dag.add_edge(1, 2);
  dag.add_edge(2, 3);
  dag.add_edge(3, 0);
  dag.add_edge(1, 0);
  // Another knot, and a vertex that feeds itself.
  dag.add_edge(3, 4);
  dag.add_edge(4, 5);
  dag.add_edge(5, 4);
  dag.add_edge(6, 6);
  EXPECT_THAT(dag.cycles(), ElementsAre(ElementsAre(0, 1), ElementsAre(4, 5), ElementsAre(6)));
}

}  // namespace
}  // namespace pellucid
