// Ports: typed ends of edges, declared once as static members of a component and used as keys.
//
//   static constexpr In<Tensor> y{"y", "blurred images"};
//   static constexpr In<ConvolutionOperator> A{"A", "the blur"};
//   static constexpr Out<Tensor> x{"x", "estimate, unit of y"};
//   static const Ports& ports() { static const Ports all{y, A, x}; return all; }
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <pellucid/spec.h>

namespace pellucid {

class Component;
class Operator;
class LinearOperator;
class ConvolutionOperator;
class LatentPrior;
class Denoiser;
class Functional;
class Model;

/// What flows on an edge. An operator.convolution is an operator.linear, and that is an operator.
enum class PortType {
  tensor,
  table,
  operator_,
  operator_linear,
  operator_convolution,
  prior,
  denoiser,
  functional,
  model,
};

/// "operator.linear", as `pellucid describe` prints it.
PELLUCID_EXPORT const char* name_of(PortType type);
/// A node of type `given` may stand where `wanted` is declared.
PELLUCID_EXPORT bool fits(PortType given, PortType wanted);

template <class T>
constexpr PortType port_type_of() {
  if constexpr (std::is_same_v<T, Tensor>) return PortType::tensor;
  else if constexpr (std::is_same_v<T, Table>) return PortType::table;
  else if constexpr (std::is_same_v<T, ConvolutionOperator>) return PortType::operator_convolution;
  else if constexpr (std::is_same_v<T, LinearOperator>) return PortType::operator_linear;
  else if constexpr (std::is_same_v<T, Operator>) return PortType::operator_;
  else if constexpr (std::is_same_v<T, LatentPrior>) return PortType::prior;
  else if constexpr (std::is_same_v<T, Denoiser>) return PortType::denoiser;
  else if constexpr (std::is_same_v<T, Functional>) return PortType::functional;
  else {
    static_assert(std::is_same_v<T, Model>, "no such port type");
    return PortType::model;
  }
}

/// Third argument of an `In`: the pipeline may leave it out.
struct Optional {};
inline constexpr Optional optional{};

/// A declared port, as plain data. Ports are compared by name, never by address.
struct Port {
  enum class Direction { in, out };
  const char* name;
  const char* summary;
  PortType type;
  Direction direction;
  bool optional = false;
  bool any = false;  ///< an open input: tensors and tables under any name
};

template <class T>
struct In : Port {
  constexpr In(const char* name, const char* summary)
      : Port{name, summary, port_type_of<T>(), Direction::in, false, false} {}
  constexpr In(const char* name, const char* summary, Optional)
      : Port{name, summary, port_type_of<T>(), Direction::in, true, false} {}
};

/// An open input: tensors and tables under any name, in the order of the file.
struct AnyIn : Port {
  constexpr AnyIn(const char* name, const char* summary)
      : Port{name, summary, PortType::tensor, Direction::in, false, true} {}
};

template <class T>
struct Out : Port {
  constexpr Out(const char* name, const char* summary)
      : Port{name, summary, port_type_of<T>(), Direction::out, false, false} {}
};

/// The ports of a component, inputs before outputs.
class PELLUCID_EXPORT Ports {
 public:
  Ports(std::initializer_list<Port> ports) : ports_(ports) {}
  const std::vector<Port>& all() const { return ports_; }

 private:
  std::vector<Port> ports_;
};

/// Where the inputs of a Procedure come from, one item range at a time.
class PELLUCID_EXPORT ItemReader {
 public:
  virtual ~ItemReader();
  virtual Tensor tensor(const std::string& port, std::int64_t first, std::int64_t count) const = 0;
  virtual Table table(const std::string& port, std::int64_t first, std::int64_t count) const = 0;
  virtual const Component& object(const std::string& port, std::int64_t item) const = 0;
};

/// What a component is given: specs and objects while planning; the tensors of a block, too, while
/// running; random access for a Procedure.
class PELLUCID_EXPORT Inputs {
 public:
  struct Edge {
    std::string name;
    std::variant<std::monostate, Spec, TableSpec> spec;
    std::variant<std::monostate, Tensor, Table> value;
    std::shared_ptr<const Component> object;
  };

  Inputs();
  Inputs(const Inputs&);
  Inputs(Inputs&&) noexcept;
  Inputs& operator=(const Inputs&);
  Inputs& operator=(Inputs&&) noexcept;
  ~Inputs();

  /// The block's tensor (items, shape...), of leading size 1 for an edge with one item; the block's
  /// table; or the object.
  template <class T>
  const T& operator[](const In<T>& port) const {
    if constexpr (std::is_same_v<T, Tensor>) return tensor(port.name);
    else if constexpr (std::is_same_v<T, Table>) return table(port.name);
    else return dynamic_cast<const T&>(object(port.name));
  }
  /// The pipeline connected this (optional) input.
  bool has(const Port& port) const { return find(port.name) != nullptr; }
  /// The edge's spec: of all its items while planning and for a Procedure, of the block otherwise.
  const Spec& spec(const In<Tensor>& port) const { return tensor_spec(port.name); }
  const TableSpec& spec(const In<Table>& port) const { return table_spec(port.name); }

  /// The edges of an open input, in the order of the file: name -> tensor or table.
  std::vector<std::pair<std::string, std::variant<Tensor, Table>>> operator[](const AnyIn&) const;
  std::vector<std::pair<std::string, std::variant<Spec, TableSpec>>> specs(const AnyIn&) const;

  /// What is being computed. For sources this is the demand.
  const Block& block() const { return block_; }
  /// Number in the dataset of the item that a row of the tensors holds. Rows follow each other from
  /// the block's first item on, but for a Reducer that is not given items that failed.
  std::int64_t item(std::int64_t row) const {
    return rows_.empty() ? block_.first + row : rows_.at(static_cast<std::size_t>(row));
  }

  /// Items first .. first+count-1 of an input of a Procedure, read when asked for.
  Tensor items(const In<Tensor>& port, std::int64_t first, std::int64_t count) const;
  Table items(const In<Table>& port, std::int64_t first, std::int64_t count) const;
  /// The object for an item (objects with tensor inputs differ from item to item).
  template <class T>
  const T& at(const In<T>& port, std::int64_t item) const {
    return dynamic_cast<const T&>(object_at(port.name, item));
  }

  /// For those who call components: the framework, and tests.
  void add(Edge edge);
  void set_block(Block block) { block_ = std::move(block); }
  /// Item of each row, where they do not follow each other.
  void set_rows(std::vector<std::int64_t> items) { rows_ = std::move(items); }
  void set_reader(const ItemReader* reader) { reader_ = reader; }
  /// Which inputs an AnyIn gathers: those that no other port names.
  void set_open(std::vector<std::string> names) { open_ = std::move(names); }
  const std::vector<Edge>& edges() const { return edges_; }
  std::vector<Edge>& edges() { return edges_; }
  const Edge* find(const std::string& name) const;

 private:
  const Edge& edge(const std::string& name) const;
  const Tensor& tensor(const std::string& name) const;
  const Table& table(const std::string& name) const;
  const Component& object(const std::string& name) const;
  const Component& object_at(const std::string& name, std::int64_t item) const;
  const Spec& tensor_spec(const std::string& name) const;
  const TableSpec& table_spec(const std::string& name) const;

  std::vector<Edge> edges_;
  std::vector<std::string> open_;
  Block block_;
  std::vector<std::int64_t> rows_;
  const ItemReader* reader_ = nullptr;
};

/// Where a Procedure puts an object: `out[net] = made`, of the port's type or derived from it.
template <class T>
class ObjectSlot {
 public:
  explicit ObjectSlot(std::shared_ptr<const Component>& slot) : slot_(slot) {}
  ObjectSlot& operator=(std::shared_ptr<const T> object) {
    slot_ = std::move(object);
    return *this;
  }

 private:
  std::shared_ptr<const Component>& slot_;
};

/// What a component says it will give: `out[x] = spec`. An object that a Procedure makes is
/// announced by a prototype that can answer what `infer` of other nodes asks.
class PELLUCID_EXPORT Specs {
 public:
  using Value = std::variant<std::monostate, Spec, TableSpec, std::shared_ptr<const Component>>;

  Specs();
  Specs(const Specs&);
  Specs(Specs&&) noexcept;
  Specs& operator=(const Specs&);
  Specs& operator=(Specs&&) noexcept;
  ~Specs();

  Spec& operator[](const Out<Tensor>& port) { return slot<Spec>(port.name); }
  TableSpec& operator[](const Out<Table>& port) { return slot<TableSpec>(port.name); }
  template <class T>
  ObjectSlot<T> operator[](const Out<T>& port) {
    return ObjectSlot<T>(slot<std::shared_ptr<const Component>>(port.name));
  }
  const std::map<std::string, Value>& all() const { return values_; }

 private:
  template <class V>
  V& slot(const char* name) {
    Value& value = values_[name];
    if (!std::holds_alternative<V>(value)) value = V{};
    return std::get<V>(value);
  }
  std::map<std::string, Value> values_;
};

/// What a component gives: `out[x] = tensor`, with the leading item axis.
class PELLUCID_EXPORT Outputs {
 public:
  using Value = std::variant<std::monostate, Tensor, Table, std::shared_ptr<const Component>>;

  Outputs();
  Outputs(const Outputs&);
  Outputs(Outputs&&) noexcept;
  Outputs& operator=(const Outputs&);
  Outputs& operator=(Outputs&&) noexcept;
  ~Outputs();

  Tensor& operator[](const Out<Tensor>& port) { return slot<Tensor>(port.name); }
  Table& operator[](const Out<Table>& port) { return slot<Table>(port.name); }
  template <class T>
  ObjectSlot<T> operator[](const Out<T>& port) {
    return ObjectSlot<T>(slot<std::shared_ptr<const Component>>(port.name));
  }
  const Tensor& operator[](const Out<Tensor>& port) const;
  const Table& operator[](const Out<Table>& port) const;
  const std::map<std::string, Value>& all() const { return values_; }
  void set(const std::string& name, Value value) { values_[name] = std::move(value); }

 private:
  template <class V>
  V& slot(const char* name) {
    Value& value = values_[name];
    if (!std::holds_alternative<V>(value)) value = V{};
    return std::get<V>(value);
  }
  std::map<std::string, Value> values_;
};

}  // namespace pellucid
