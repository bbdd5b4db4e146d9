class Kernels(Module):
  # What the NDArray interface lacks, as a TorchScript program: a decoder's layers, forwards and backwards, and the loop that
  # writes tokens. It is loaded as it stands here. Nothing is kept between two calls; gradients are added in place.
  #
  # An empty tensor stands for one that a model does not have, or whose gradient is not wanted. Residual streams, norms
  # and soft-max sums are float32; products are computed in the precision of their weights, float32 or bfloat16.
  #
  # sizes:   [heads, kv heads, head dim, activation (0: SiLU, 1: GELU, 2: GELU by tanh, 3: ReLU)]
  # numbers: [norm epsilon, attention scale, attention soft cap (0: none), scale of low-rank adapters]
  # layout:  of a batch of prompts and of the rows that go on from them: [prompts, prompt time, rows, time]
  __parameters__ = []
  __buffers__ = []

  # ---- pieces

  def linear(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    x = x.to(weight.dtype)
    if bias.numel() > 0:
      return torch.linear(x, weight, bias)
    return torch.linear(x, weight)

  def linear_backward(self, d: Tensor, x: Tensor, weight: Tensor, g_weight: Tensor, g_bias: Tensor, low: List[Tensor], scale: float) -> Tensor:
    # low: adapters A [rank, in] and B [out, rank] of this weight, and their gradients; or nothing
    d, x = d.to(weight.dtype), x.to(weight.dtype)
    if len(low) > 0:
      a, b, g_a, g_b = low[0].to(weight.dtype), low[1].to(weight.dtype), low[2], low[3]
      self.accumulate(g_b, d, torch.linear(x, a), scale)
      self.accumulate(g_a, torch.mm(d, b), x, scale)
    elif g_weight.numel() > 0:
      self.accumulate(g_weight, d, x, 1.0)
    if g_bias.numel() > 0:
      g_bias.add_(d.float().sum(0))
    return torch.mm(d, weight)

  def accumulate(self, g: Tensor, d: Tensor, x: Tensor, scale: float) -> None:
    if g.dtype == d.dtype:
      g.addmm_(d.t(), x, alpha=scale)
    else:
      g.add_(torch.mm(d.t(), x), alpha=scale)

  def inverse_rms(self, x: Tensor, epsilon: float) -> Tensor:
    # The norm is one pass over x without an array of its size in between.
    norm = torch.linalg_vector_norm(x, 2, [-1], True)
    return norm.mul_(norm).div_(x.size(-1)).add_(epsilon).rsqrt_()

  def norm(self, x: Tensor, gain: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    # A bias makes it a layer norm, none a root-mean-square norm.
    x = x.float()
    if bias.numel() > 0:
      return torch.layer_norm(x, [x.size(-1)], gain, bias, epsilon)
    return (x * self.inverse_rms(x, epsilon)).mul_(gain)

  def norm_backward(self, d: Tensor, x: Tensor, gain: Tensor, bias: Tensor, g_gain: Tensor, g_bias: Tensor, epsilon: float) -> Tensor:
    d, x, width = d.float(), x.float(), x.size(-1)
    if bias.numel() > 0:
      _, mean, rstd = torch.native_layer_norm(x, [width], gain, bias, epsilon)
      d_x, d_gain, d_bias = torch.native_layer_norm_backward(d, x, [width], mean, rstd, gain, bias, [True, True, True])
      if g_gain.numel() > 0:
        g_gain.add_(d_gain)
      if g_bias.numel() > 0:
        g_bias.add_(d_bias)
      return d_x
    inverse = self.inverse_rms(x, epsilon)
    normed = x * inverse
    if g_gain.numel() > 0:
      g_gain.add_((d * normed).reshape(-1, width).sum(0))
    d = d * gain
    mean = (d * normed).sum(-1, keepdim=True).div_(width)
    return d.addcmul_(normed, mean, value=-1).mul_(inverse)

  def activate(self, x: Tensor, kind: int) -> Tensor:
    if kind == 0:
      return torch.silu(x)
    if kind == 1:
      return torch.gelu(x)
    if kind == 2:
      return torch.gelu(x, approximate="tanh")
    return torch.relu(x)

  def activate_backward(self, d: Tensor, x: Tensor, kind: int) -> Tensor:
    if kind == 0:
      return torch.silu_backward(d, x)
    if kind == 1:
      return torch.gelu_backward(d, x)
    if kind == 2:
      return torch.gelu_backward(d, x, approximate="tanh")
    return torch.threshold_backward(d, x, 0)

  def turn(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    # x [tokens, heads, head dim]; cos and sin [tokens, 1, dims], the sines of the first half negated
    if cos.numel() == 0:
      return x
    dims, half = cos.size(-1), cos.size(-1) // 2
    swapped = torch.cat([x[:, :, half:dims], x[:, :, :half]], -1)
    turned = (x[:, :, :dims] * cos).addcmul_(swapped, sin).to(x.dtype)
    return turned if dims == x.size(-1) else torch.cat([turned, x[:, :, dims:]], -1)

  # ---- attention of rows on keys: q [rows, s, heads, dim], k and v [rows, length, kv heads, dim], mask [rows or 1, 1, s, length]

  def by_head(self, x: Tensor) -> Tensor:
    return x.transpose(1, 2).reshape(x.size(0) * x.size(2), x.size(1), x.size(3))

  def by_kv_head(self, q: Tensor, kv: int) -> Tensor:
    # The query heads that share a key head stand below each other in one product: no key is copied.
    rows, s, heads, dim = q.size(0), q.size(1), q.size(2), q.size(3)
    return q.view(rows, s, kv, heads // kv, dim).permute(0, 2, 3, 1, 4).reshape(rows * kv, heads // kv * s, dim)

  def by_row(self, a: Tensor, rows: int, kv: int, s: int) -> Tensor:
    group, dim = a.size(1) // s, a.size(2)
    return a.view(rows, kv, group, s, dim).permute(0, 3, 1, 2, 4).reshape(rows * s, kv * group, dim)

  def scores(self, q: Tensor, k: Tensor, scale: float, cap: float) -> Tensor:
    scores = torch.baddbmm(q.new_zeros([1, 1, 1]), q, k.transpose(1, 2), beta=0, alpha=scale)
    if cap > 0:
      scores.div_(cap).tanh_().mul_(cap)
    return scores

  def shares(self, scores: Tensor, mask: Tensor, rows: int) -> Tensor:
    s, length = mask.size(-2), mask.size(-1)
    scores.view(rows, -1, s, length).add_(mask)
    return scores.softmax(-1)

  def rows_at_once(self, q: Tensor, k: Tensor) -> int:
    # All of them, or as many as have 64 MiB of scores: these grow with the square of the length.
    scores = q.size(2) * q.size(1) * k.size(1)
    return q.size(0) if q.size(0) * scores <= 16777216 else max(1, 16777216 // scores)

  def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, numbers: List[float]) -> List[Tensor]:
    # [rows · s, heads, dim], and the shares of attention for the way back if they are not too large to be kept
    some = self.rows_at_once(q, k)
    if some >= q.size(0):
      return self.attend_at_once(q, k, v, mask, numbers)
    found: List[Tensor] = []
    for i in range(0, q.size(0), some):
      m = mask[i:i + some] if mask.size(0) > 1 else mask
      found.append(self.attend_at_once(q[i:i + some], k[i:i + some], v[i:i + some], m, numbers)[0])
    return [torch.cat(found), q.new_zeros([0])]

  def attend_at_once(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, numbers: List[float]) -> List[Tensor]:
    rows, s, kv = q.size(0), q.size(1), k.size(2)
    p = self.shares(self.scores(self.by_kv_head(q, kv), self.by_head(k), numbers[1], numbers[2]), mask, rows)
    a = self.by_row(torch.bmm(p, self.by_head(v)), rows, kv, s)
    return [a, p if p.numel() <= 16777216 and numbers[2] == 0 else p.new_zeros([0])]

  def attend_backward(self, d: Tensor, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, p: Tensor, numbers: List[float]) -> List[Tensor]:
    some = self.rows_at_once(q, k)
    if some >= q.size(0):
      return self.attend_backward_at_once(d, q, k, v, mask, p, numbers)
    d_q, d_k, d_v = [torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)]
    for i in range(0, q.size(0), some):
      m = mask[i:i + some] if mask.size(0) > 1 else mask
      found = self.attend_backward_at_once(d[i:i + some], q[i:i + some], k[i:i + some], v[i:i + some], m, p, numbers)
      d_q[i:i + some] = found[0]
      d_k[i:i + some] = found[1]
      d_v[i:i + some] = found[2]
    return [d_q, d_k, d_v]

  def attend_backward_at_once(self, d: Tensor, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, p: Tensor, numbers: List[float]) -> List[Tensor]:
    rows, s, kv, length = q.size(0), q.size(1), k.size(2), k.size(1)
    scale, cap = numbers[1], numbers[2]
    dim = q.size(3)
    d, q, k, v = self.by_kv_head(d, kv), self.by_kv_head(q, kv), self.by_head(k), self.by_head(v)
    scores = p
    if p.numel() == 0:
      scores = self.scores(q, k, scale, cap)
      p = self.shares(scores.clone(), mask, rows)
    d_v = torch.bmm(p.transpose(1, 2), d)
    d_p = torch.bmm(d, v.transpose(1, 2))
    d_z = torch._softmax_backward_data(d_p, p, -1, p.dtype)
    if cap > 0:
      d_z = torch.tanh_backward(d_z, scores / cap)
    d_q = torch.baddbmm(q.new_zeros([1, 1, 1]), d_z, k, beta=0, alpha=scale)
    d_k = torch.baddbmm(q.new_zeros([1, 1, 1]), d_z.transpose(1, 2), q, beta=0, alpha=scale)
    return [self.by_row(d_q, rows, kv, s).reshape(rows, s, -1, dim),
            d_k.view(rows, kv, length, dim).transpose(1, 2), d_v.view(rows, kv, length, dim).transpose(1, 2)]

  # ---- attention of a batch: prompts see themselves, rows see their prompt and themselves; all tokens stand in one list

  def padded(self, x: Tensor, slot: Tensor, slots: int) -> Tensor:
    if x.size(0) == slots:
      return x
    return torch.index_copy(x.new_zeros([slots, x.size(1), x.size(2)]), 0, slot, x)

  def unpadded(self, x: Tensor, slot: Tensor) -> Tensor:
    if x.size(0) == slot.size(0):
      return x
    return x.index_select(0, slot)

  def with_prompt(self, x: Tensor, layout: List[int], row_prompt: Tensor) -> Tensor:
    # [slots, kv heads, dim] to [rows, prompt time + time, kv heads, dim]
    prompts, prompt_time, rows, time = layout[0], layout[1], layout[2], layout[3]
    prompt = x[:prompts * prompt_time].view(prompts, prompt_time, x.size(1), x.size(2))
    own = x[prompts * prompt_time:].view(rows, time, x.size(1), x.size(2))
    return torch.cat([prompt.index_select(0, row_prompt), own], 1)

  def from_prompt(self, d: Tensor, d_prompt: Tensor, layout: List[int], row_prompt: Tensor) -> Tensor:
    # The way back of with_prompt, added to what the prompts' own attention gave.
    prompts, prompt_time, rows, time = layout[0], layout[1], layout[2], layout[3]
    d_prompt = d_prompt.contiguous().index_add_(0, row_prompt, d[:, :prompt_time].contiguous())
    heads, dim = d.size(2), d.size(3)
    return torch.cat([d_prompt.view(-1, heads, dim), d[:, prompt_time:].reshape(-1, heads, dim)])

  def attention(self, q: Tensor, k: Tensor, v: Tensor, batch: List[Tensor], layout: List[int], numbers: List[float]) -> List[Tensor]:
    slot, row_prompt, prompt_mask, row_mask = batch[0], batch[1], batch[2], batch[3]
    prompts, prompt_time, rows, time = layout[0], layout[1], layout[2], layout[3]
    cut = prompts * prompt_time
    slots = cut + rows * time
    q, k, v = self.padded(q, slot, slots), self.padded(k, slot, slots), self.padded(v, slot, slots)
    heads, kv, dim = q.size(1), k.size(1), q.size(2)
    shape = [prompts, prompt_time, kv, dim]
    prompt = self.attend(q[:cut].view(prompts, prompt_time, heads, dim), k[:cut].view(shape), v[:cut].view(shape), prompt_mask, numbers)
    if rows * time == 0:
      return [self.unpadded(prompt[0], slot), prompt[1], prompt[1].new_zeros([0])]
    row_k, row_v = self.with_prompt(k, layout, row_prompt), self.with_prompt(v, layout, row_prompt)
    row = self.attend(q[cut:].view(rows, time, heads, dim), row_k, row_v, row_mask, numbers)
    return [self.unpadded(torch.cat([prompt[0], row[0]]), slot), prompt[1], row[1]]

  def attention_backward(self, d: Tensor, q: Tensor, k: Tensor, v: Tensor, prompt_p: Tensor, row_p: Tensor, batch: List[Tensor], layout: List[int], numbers: List[float]) -> List[Tensor]:
    slot, row_prompt, prompt_mask, row_mask = batch[0], batch[1], batch[2], batch[3]
    prompts, prompt_time, rows, time = layout[0], layout[1], layout[2], layout[3]
    cut = prompts * prompt_time
    slots = cut + rows * time
    d = self.padded(d, slot, slots)
    q, k, v = self.padded(q, slot, slots), self.padded(k, slot, slots), self.padded(v, slot, slots)
    heads, kv, dim = q.size(1), k.size(1), q.size(2)
    query, shape = [prompts, prompt_time, heads, dim], [prompts, prompt_time, kv, dim]
    prompt = self.attend_backward(d[:cut].view(query), q[:cut].view(query), k[:cut].view(shape), v[:cut].view(shape), prompt_mask, prompt_p, numbers)
    d_q = prompt[0].reshape(-1, heads, dim)
    if rows * time == 0:
      return [self.unpadded(d_q, slot), self.unpadded(prompt[1].reshape(-1, kv, dim), slot), self.unpadded(prompt[2].reshape(-1, kv, dim), slot)]
    query = [rows, time, heads, dim]
    row_k, row_v = self.with_prompt(k, layout, row_prompt), self.with_prompt(v, layout, row_prompt)
    row = self.attend_backward(d[cut:].view(query), q[cut:].view(query), row_k, row_v, row_mask, row_p, numbers)
    d_q = torch.cat([d_q, row[0].reshape(-1, heads, dim)])
    d_k = self.from_prompt(row[1], prompt[1], layout, row_prompt)
    d_v = self.from_prompt(row[2], prompt[2], layout, row_prompt)
    return [self.unpadded(d_q, slot), self.unpadded(d_k, slot), self.unpadded(d_v, slot)]

  # ---- a layer: x [tokens, hidden]
  #
  # weights: [norm gain and bias, query, key, value, their biases, query and key gains, output and bias, gain after attention,
  #           norm gain and bias, gate, up, their biases, down and bias, gain after the feed-forward part]
  # batch:   [slot of each token, prompt of each row, mask of prompts, mask of rows, cos, sin]

  def layer(self, x: Tensor, w: List[Tensor], batch: List[Tensor], layout: List[int], sizes: List[int], numbers: List[float], keep: bool) -> List[Tensor]:
    # What comes out, and where it is to be kept, what the way back needs
    dim, kind, epsilon = sizes[2], sizes[3], numbers[0]
    cos, sin, none = batch[4], batch[5], x.new_zeros([0])
    y = self.norm(x, w[0], w[1], epsilon)
    raw_q = self.linear(y, w[2], w[5]).view(x.size(0), -1, dim)
    raw_k = self.linear(y, w[3], w[6]).view(x.size(0), -1, dim)
    v = self.linear(y, w[4], w[7]).view(x.size(0), -1, dim)
    q, k = raw_q, raw_k
    if w[8].numel() > 0:
      q, k = self.norm(q, w[8], none, epsilon).to(v.dtype), self.norm(k, w[9], none, epsilon).to(v.dtype)
    q, k = self.turn(q, cos, sin), self.turn(k, cos, sin)
    attended = self.attention(q, k, v, batch, layout, numbers)
    a = attended[0].reshape(x.size(0), -1)
    out = self.linear(a, w[10], w[11])
    middle = x + (self.norm(out, w[12], none, epsilon) if w[12].numel() > 0 else out)
    y = self.norm(middle, w[13], w[14], epsilon)
    up = self.linear(y, w[16], w[18])
    gate = none
    if w[15].numel() > 0:
      gate = self.linear(y, w[15], w[17])
      h = self.activate(gate, kind).mul_(up)
    else:
      h = self.activate(up, kind)
    down = self.linear(h, w[19], w[20])
    result = middle + (self.norm(down, w[21], none, epsilon) if w[21].numel() > 0 else down)
    if not keep:
      return [result]
    if w[8].numel() == 0:
      raw_q, raw_k = none, none
    if w[12].numel() == 0:
      out = none
    if w[21].numel() == 0:
      down = none
    return [result, raw_q, raw_k, q, k, v, attended[1], attended[2], a, out, middle, gate, up, down]

  def adapter(self, low: List[Tensor], index: int) -> List[Tensor]:
    # low: four tensors for each of query, key, value, output, gate, up and down; or nothing
    if len(low) == 0 or low[4 * index].numel() == 0:
      nothing: List[Tensor] = []
      return nothing
    return low[4 * index:4 * index + 4]

  def layer_backward(self, d: Tensor, x: Tensor, kept: List[Tensor], w: List[Tensor], g: List[Tensor], low: List[Tensor], batch: List[Tensor], layout: List[int], sizes: List[int], numbers: List[float]) -> Tensor:
    # d [tokens, hidden] to the same of what went in; kept: all that layer returned
    tokens, dim, kind, epsilon, scale = x.size(0), sizes[2], sizes[3], numbers[0], numbers[3]
    cos, sin, none = batch[4], batch[5], x.new_zeros([0])
    raw_q, raw_k, q, k, v = kept[1], kept[2], kept[3], kept[4], kept[5]
    a, out, middle, gate, up, down = kept[8], kept[9], kept[10], kept[11], kept[12], kept[13]
    # the feed-forward part
    d_down = self.norm_backward(d, down, w[21], none, g[21], none, epsilon) if w[21].numel() > 0 else d
    y = self.norm(middle, w[13], w[14], epsilon)
    if w[15].numel() > 0:
      active = self.activate(gate, kind)
      d_h = self.linear_backward(d_down, active * up, w[19], g[19], g[20], self.adapter(low, 6), scale)
      d_y = self.linear_backward(d_h * active, y, w[16], g[16], g[18], self.adapter(low, 5), scale)
      d_gate = self.activate_backward(d_h.mul_(up), gate, kind)
      d_y = d_y + self.linear_backward(d_gate, y, w[15], g[15], g[17], self.adapter(low, 4), scale)
    else:
      d_h = self.linear_backward(d_down, self.activate(up, kind), w[19], g[19], g[20], self.adapter(low, 6), scale)
      d_y = self.linear_backward(self.activate_backward(d_h, up, kind), y, w[16], g[16], g[18], self.adapter(low, 5), scale)
    d = d + self.norm_backward(d_y, middle, w[13], w[14], g[13], g[14], epsilon)
    # attention
    d_out = self.norm_backward(d, out, w[12], none, g[12], none, epsilon) if w[12].numel() > 0 else d
    d_a = self.linear_backward(d_out, a, w[10], g[10], g[11], self.adapter(low, 3), scale)
    turned = self.attention_backward(d_a.view(tokens, -1, dim), q, k, v, kept[6], kept[7], batch, layout, numbers)
    d_q, d_k = self.turn(turned[0], cos, -sin), self.turn(turned[1], cos, -sin)
    if w[8].numel() > 0:
      d_q = self.norm_backward(d_q, raw_q, w[8], none, g[8], none, epsilon)
      d_k = self.norm_backward(d_k, raw_k, w[9], none, g[9], none, epsilon)
    y = self.norm(x, w[0], w[1], epsilon)
    d_y = self.linear_backward(d_q.reshape(tokens, -1), y, w[2], g[2], g[5], self.adapter(low, 0), scale)
    d_y = d_y + self.linear_backward(d_k.reshape(tokens, -1), y, w[3], g[3], g[6], self.adapter(low, 1), scale)
    d_y = d_y + self.linear_backward(turned[2].reshape(tokens, -1), y, w[4], g[4], g[7], self.adapter(low, 2), scale)
    return d + self.norm_backward(d_y, x, w[0], w[1], g[0], g[1], epsilon)

  # ---- ends of the model

  def mask(self, queries: Tensor, keys: Tensor, window: int) -> Tensor:
    # 0 where a query sees a key, else -inf: places [rows, s] and [rows, length] to [rows, 1, s, length]
    distance = queries.unsqueeze(2) - keys.unsqueeze(1)
    hidden = (distance < 0) | (distance >= window)
    return torch.zeros(hidden.size(), device=hidden.device).masked_fill_(hidden, -float("inf")).unsqueeze(1)

  def turns(self, cosines: Tensor, sines: Tensor, places: Tensor) -> List[Tensor]:
    # Tables [positions, dims / 2] to what turn takes of each token
    cos, sin = cosines.index_select(0, places).unsqueeze(1), sines.index_select(0, places).unsqueeze(1)
    return [torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)]

  def rows(self, table: Tensor, indices: Tensor) -> Tensor:
    return table.index_select(0, indices)

  def embed(self, ids: Tensor, table: Tensor, scale: float, places: Tensor, position_table: Tensor) -> Tensor:
    x = table.index_select(0, ids).float()
    if scale != 1.0:
      x.mul_(scale)
    if position_table.numel() > 0:
      x.add_(position_table.index_select(0, places))
    return x

  def embed_backward(self, d: Tensor, ids: Tensor, g_table: Tensor, scale: float, places: Tensor, g_position_table: Tensor) -> None:
    if g_table.numel() > 0:
      g_table.index_add_(0, ids, d, alpha=scale)
    if g_position_table.numel() > 0:
      g_position_table.index_add_(0, places, d)

  def logits(self, y: Tensor, head: Tensor, cap: float) -> Tensor:
    logits = torch.linear(y.to(head.dtype), head).float()
    if cap > 0:
      logits.div_(cap).tanh_().mul_(cap)
    return logits

  def chunk(self, head: Tensor) -> int:
    # Rows of scores that are there at a time: 16 MiB of them
    return max(1, 4194304 // head.size(0))

  def log_probs(self, x: Tensor, places: Tensor, targets: Tensor, w: List[Tensor], epsilon: float, cap: float, squares: bool, keep: bool) -> List[Tensor]:
    # log π(target) at each place of x [tokens, hidden]; log Σ_v π(v)² if asked for; and the distributions for the way back,
    # where all of them are 128 MiB at most. w: [norm gain and bias, head]
    y, head = self.norm(x.index_select(0, places), w[0], w[1], epsilon), w[2]
    count, step = targets.size(0), self.chunk(head)
    found, concentration = x.new_empty([count]), x.new_empty([count if squares else 0])
    small = keep and cap == 0 and count * head.size(0) <= 33554432
    kept: List[Tensor] = []
    for at in range(0, count, step):
      logits = self.logits(y[at:at + step], head, cap)
      total = logits.logsumexp(-1, keepdim=True)
      found[at:at + step] = logits.gather(1, targets[at:at + step].unsqueeze(1)).sub_(total).squeeze(1)
      if squares:
        concentration[at:at + step] = (logits * 2).logsumexp(-1).sub_(total.squeeze(1), alpha=2)
      if small:
        kept.append(logits.sub_(total).exp_())
    return [found, concentration] + kept

  def log_probs_backward(self, slope: Tensor, x: Tensor, places: Tensor, targets: Tensor, kept: List[Tensor], w: List[Tensor], g: List[Tensor], epsilon: float, cap: float) -> Tensor:
    # slope: of the loss by each log-probability; kept is used up
    at_places = x.index_select(0, places)
    y, head = self.norm(at_places, w[0], w[1], epsilon).to(w[2].dtype), w[2]
    d_y = torch.empty_like(y)
    step = self.chunk(head)
    for i in range((targets.size(0) + step - 1) // step):
      at = i * step
      s = slope[at:at + step].unsqueeze(1)
      logits = kept[i] if len(kept) > 0 else self.logits(y[at:at + step], head, cap)
      d = logits.mul_(-s) if len(kept) > 0 else logits.softmax(-1).mul_(-s)
      d.scatter_add_(1, targets[at:at + step].unsqueeze(1), s)
      if cap > 0:
        d = torch.tanh_backward(d, logits.div_(cap))
      d = d.to(head.dtype)
      d_y[at:at + step] = torch.mm(d, head)
      if g[2].numel() > 0:
        self.accumulate(g[2], d, y[at:at + step], 1.0)
    d_places = self.norm_backward(d_y, at_places, w[0], w[1], g[0], g[1], epsilon)
    return torch.zeros_like(x).index_add_(0, places, d_places)

  def classify(self, x: Tensor, places: Tensor, w: List[Tensor], epsilon: float) -> Tensor:
    # [texts, labels]
    return self.linear(self.norm(x.index_select(0, places), w[0], w[1], epsilon), w[2], x.new_zeros([0])).float()

  def classify_backward(self, d: Tensor, x: Tensor, places: Tensor, w: List[Tensor], g: List[Tensor], epsilon: float) -> Tensor:
    nothing: List[Tensor] = []
    at_places, none = x.index_select(0, places), x.new_zeros([0])
    y = self.norm(at_places, w[0], w[1], epsilon)
    d_y = self.linear_backward(d, y, w[2], g[2], none, nothing, 1.0)
    return torch.zeros_like(x).index_add_(0, places, self.norm_backward(d_y, at_places, w[0], w[1], g[0], g[1], epsilon))

  # ---- optimisers

  def sums_of_squares(self, tensors: List[Tensor]) -> Tensor:
    sums: List[Tensor] = []
    for x in tensors:
      sums.append(torch.linalg_vector_norm(x).square_())
    return torch.stack(sums)

  def adam(self, weights: List[Tensor], gradients: List[Tensor], means: List[Tensor], squares: List[Tensor], step: Tensor, decoupled: bool, numbers: List[float], inverse_scale: Tensor) -> None:
    # numbers: [learning rate, beta 1, beta 2, epsilon, weight decay]; gradients are divided by inverse_scale
    steps: List[Tensor] = []
    none: List[Tensor] = []
    for _ in weights:
      steps.append(step)
    rate, beta1, beta2, epsilon, decay = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    if decoupled:
      torch._fused_adamw_(weights, gradients, means, squares, none, steps, lr=rate, beta1=beta1, beta2=beta2, weight_decay=decay, eps=epsilon, amsgrad=False, maximize=False, grad_scale=inverse_scale)
    else:
      torch._fused_adam_(weights, gradients, means, squares, none, steps, lr=rate, beta1=beta1, beta2=beta2, weight_decay=decay, eps=epsilon, amsgrad=False, maximize=False, grad_scale=inverse_scale)

  def cast(self, x: Tensor, half: bool) -> Tensor:
    # 15 is bfloat16, of which DJL knows no more than the name
    return x.to(15) if half else x

  # ---- writing tokens
  #
  # weights: seventeen a layer: [norm gain and bias, query-key-value and bias, query and key gains [heads, dim], output and
  #          bias, gain after attention, norm gain and bias, gate and bias, up and bias, down and bias, gain after]; the
  #          queries of a key head stand before their key, and behind all of them the values
  # top:     [embedding, learned positions, norm gain and bias, head]
  # spins:   for each kind of rotary positions complex [positions, dims / 2]; the pairs of a head stand side by side
  # plan:    a layer's kind of rotary positions (-1: none) and its window (0: it sees all), for all layers
  # numbers: as above, with the scale of attention 1, for it is in the weights; then the scale of embeddings, the soft cap
  #          of logits
  # values [rows, kv heads, slots, dim] and keys [rows, kv heads, dim, slots] a layer, written in place; keys lie as values do
  # in bfloat16, where the fused attention is the faster one

  def pack(self, weight: Tensor, rows: int) -> Tensor:
    # in the layout that oneDNN's products want, for about so many rows
    return ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows)

  def for_writing(self, w: List[Tensor], order: Tensor, scales: Tensor, half: bool, packed: bool, rows: int) -> List[Tensor]:
    # The weights of a layer as above from those of `layer`: order of the rows of queries, keys and values, and what each
    # is multiplied by. The gains of root-mean-square norms go into the matrices behind them.
    qkv, bias, gains, none = torch.cat([w[2], w[3], w[4]]).index_select(0, order), w[5], w[8], w[5].new_zeros([0])
    if bias.numel() > 0:
      bias = torch.cat([w[5], w[6], w[7]]).index_select(0, order)
    if gains.numel() > 0:
      # Norms of queries and keys undo all scaling before them.
      dim, both = gains.numel(), w[2].size(0) + w[3].size(0)
      gains = torch.cat([w[8].repeat(w[2].size(0) // dim), w[9].repeat(w[3].size(0) // dim)])
      gains = (gains.index_select(0, order[:both]) * scales[:both]).view(-1, dim)
    else:
      qkv = qkv * scales.unsqueeze(1)
      if bias.numel() > 0:
        bias = bias * scales
    gate, up, gain, gain2 = w[15], w[16], w[0], w[13]
    if w[1].numel() == 0:
      qkv, up = qkv * gain, up * gain2
      if gate.numel() > 0:
        gate = gate * gain2
      gain, gain2 = none, none
    return [gain, w[1], self.laid(qkv, half, packed, rows), self.cast(bias, half), gains,
            self.laid(w[10], half, packed, rows), self.cast(w[11], half), w[12], gain2, w[14],
            self.laid(gate, half, packed, rows), self.cast(w[17], half), self.laid(up, half, packed, rows),
            self.cast(w[18], half), self.laid(w[19], half, packed, rows), self.cast(w[20], half), w[21]]

  def head_for_writing(self, w: List[Tensor], half: bool, packed: bool, rows: int) -> List[Tensor]:
    # [norm gain and bias, head]
    if w[1].numel() > 0:
      return [w[0], w[1], self.laid(w[2], half, packed, rows)]
    return [w[1], w[1], self.laid(w[2] * w[0], half, packed, rows)]

  def laid(self, weight: Tensor, half: bool, packed: bool, rows: int) -> Tensor:
    # Small matrices are done with before oneDNN's calls have paid for themselves.
    weight = self.cast(weight, half)
    if packed and weight.numel() >= (1 if half else 131072):
      return self.pack(weight, rows)
    return weight

  def spins(self, cosines: Tensor, sines: Tensor) -> Tensor:
    return torch.complex(cosines, sines)

  def product(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    some: Optional[Tensor] = None
    if bias.numel() > 0:
      some = bias
    if weight.is_mkldnn:
      return ops.mkldnn._linear_pointwise(x.to(weight.dtype), weight, some, "none", [], "")
    return torch.linear(x.to(weight.dtype), weight, some)

  def add_product(self, to: Tensor, x: Tensor, weight: Tensor, bias: Tensor, gain: Tensor, epsilon: float) -> Tensor:
    if gain.numel() > 0:
      return to + self.norm(self.product(x, weight, bias), gain, to.new_zeros([0]), epsilon)
    if weight.is_mkldnn and weight.dtype == to.dtype and bias.numel() == 0:
      return ops.mkldnn._linear_pointwise(x, to, weight, None, "add")
    if not weight.is_mkldnn and weight.dtype == to.dtype and bias.numel() == 0 and to.dim() == 2:
      return torch.addmm(to, x, weight.t())
    return to + self.product(x, weight, bias)

  def plain_norm(self, x: Tensor, gain: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    if gain.numel() == 0:
      return x * self.inverse_rms(x, epsilon)
    return self.norm(x, gain, bias, epsilon)

  def feed(self, x: Tensor, w: List[Tensor], at: int, kind: int, epsilon: float) -> Tensor:
    # x with the feed-forward part of the layer whose weights begin at a place added
    y = self.plain_norm(x, w[at + 8], w[at + 9], epsilon)
    gate, up = w[at + 10], w[at + 12]
    if gate.numel() == 0:
      h = self.activate(self.product(y, up, w[at + 13]), kind)
    elif kind == 0 and gate.is_mkldnn and w[at + 11].numel() + w[at + 13].numel() == 0:
      y = y.to(gate.dtype)
      h = ops.mkldnn._linear_pointwise(y, gate, None, "swish", [], "")
      h = ops.mkldnn._linear_pointwise(y, h, up, None, "mul")
    else:
      h = self.activate(self.product(y, gate, w[at + 11]), kind).mul_(self.product(y, up, w[at + 13]))
    return self.add_product(x, h, w[at + 14], w[at + 15], w[at + 16], epsilon)

  def spin(self, x: Tensor, by: Tensor) -> Tensor:
    # x [..., heads, dim], by complex [..., 1, dims / 2]
    dims = 2 * by.size(-1)
    pairs = torch.view_as_complex(x[..., :dims].float().unflatten(-1, [-1, 2]))
    turned = torch.view_as_real(pairs * by).flatten(-2).to(x.dtype)
    return turned if dims == x.size(-1) else torch.cat([turned, x[..., dims:]], -1)

  def project(self, x: Tensor, w: List[Tensor], at: int, kind: int, spun: List[Tensor], sizes: List[int], numbers: List[float]) -> List[Tensor]:
    # x [..., hidden] to queries and keys [..., kv heads, group + 1, dim] and values [..., kv heads, dim]
    heads, kv, dim = sizes[0], sizes[1], sizes[2]
    both = self.product(self.plain_norm(x, w[at], w[at + 1], numbers[0]), w[at + 2], w[at + 3]).unflatten(-1, [-1, dim])
    qk, v = both[..., :heads + kv, :], both[..., heads + kv:, :]
    if w[at + 4].numel() > 0:
      qk = self.norm(qk, w[at + 4], x.new_zeros([0]), numbers[0]).to(v.dtype)
    if kind >= 0:
      qk = self.spin(qk, spun[kind])
    return [qk.unflatten(-2, [kv, -1]), v]

  def head(self, x: Tensor, top: List[Tensor], numbers: List[float]) -> Tensor:
    logits = self.product(self.plain_norm(x, top[2], top[3], numbers[0]), top[4], x.new_zeros([0])).float()
    if numbers[5] > 0:
      logits.div_(numbers[5]).tanh_().mul_(numbers[5])
    return logits

  def prefill(self, ids: Tensor, lengths: Tensor, shared: bool, w: List[Tensor], top: List[Tensor], spins: List[Tensor], plan: List[int], sizes: List[int], numbers: List[float]) -> List[Tensor]:
    # ids [prompts, time], padded on the right, to [logits [prompts, vocab]], the keys of all layers, their values:
    # [prompts, kv heads, time, dim], but keys of float32 that rows do not share [prompts, kv heads, dim, time]
    prompts, time = ids.size(0), ids.size(1)
    heads, kv, layers = sizes[0], sizes[1], len(plan) // 2
    places = torch.arange(time, device=ids.device)
    spun = [table[:time].unsqueeze(1) for table in spins]
    x = self.embed(ids.flatten(), top[0], numbers[4], places.repeat(prompts), top[1]).view(prompts, time, -1)
    distance = places.unsqueeze(1) - places.unsqueeze(0)
    keys: List[Tensor] = []
    values: List[Tensor] = []
    for i in range(layers):
      found = self.project(x, w, 17 * i, plan[2 * i], spun, sizes, numbers)
      group = heads // kv
      q, k, v = found[0][:, :, :, :group].reshape(prompts, time, heads, -1), found[0][:, :, :, group], found[1]
      window = plan[2 * i + 1]
      if window > 0 or numbers[2] > 0:
        hidden = (distance < 0) | (distance >= (window if window > 0 else time))
        mask = torch.zeros([time, time], device=ids.device).masked_fill_(hidden, -float("inf")).to(v.dtype)
        a = self.attend(q, k, v, mask.view(1, 1, time, time), numbers)[0].reshape(prompts, time, -1)
      else:
        all_k, all_v = k.transpose(1, 2).repeat_interleave(heads // kv, 1), v.transpose(1, 2).repeat_interleave(heads // kv, 1)
        a = torch.scaled_dot_product_attention(q.transpose(1, 2), all_k, all_v, None, 0.0, True, scale=1.0).transpose(1, 2).flatten(2)
      keys.append((k.transpose(1, 2) if shared or v.dtype == 15 else k.permute(0, 2, 3, 1)).contiguous())
      values.append(v.transpose(1, 2).contiguous())
      x = self.add_product(x, a, w[17 * i + 5], w[17 * i + 6], w[17 * i + 7], numbers[0])
      x = self.feed(x, w, 17 * i, sizes[3], numbers[0])
    last = x.flatten(0, 1).index_select(0, torch.arange(prompts, device=ids.device) * time + lengths - 1)
    return [self.head(last, top, numbers)] + keys + values

  def spread(self, caches: List[Tensor], prompt_of_row: Tensor, slots: int) -> List[Tensor]:
    # The caches of prompts copied to their rows, with room for more tokens
    wider: List[Tensor] = []
    layers = len(caches) // 2
    for i in range(len(caches)):
      source = caches[i].index_select(0, prompt_of_row)
      rows, kv = source.size(0), source.size(1)
      if i < layers and source.dtype != 15:
        wide = source.new_empty([rows, kv, source.size(2), slots])
        wide[:, :, :, :source.size(3)] = source
      else:
        wide = source.new_empty([rows, kv, slots, source.size(3)])
        wide[:, :, :source.size(2)] = source
      wider.append(wide)
    return wider

  def room(self, shared: List[Tensor], rows: int, slots: int) -> List[Tensor]:
    # Caches of rows that share those of their texts: room for their own tokens
    wide: List[Tensor] = []
    for cache in shared:
      wide.append(cache.new_empty([rows, cache.size(1), slots, cache.size(3)]))
    return wide

  def seats(self, text_of_row: Tensor, texts: int) -> List[Tensor]:
    # The rows of a text as a table with as many seats for each: the seat of each row, and the row at each seat of each text,
    # 0 where none sits. Empty where they sit in their order and no seat is free.
    counts, rows = torch.bincount(text_of_row, minlength=texts), torch.arange(text_of_row.size(0))
    most = int(counts.max())
    order = torch.argsort(text_of_row, stable=True)
    text = text_of_row.index_select(0, order)
    seat = torch.empty_like(rows).index_copy_(0, order, text * most + rows - (counts.cumsum(0) - counts).index_select(0, text))
    if rows.size(0) == texts * most and torch.equal(seat, rows):
      return [rows[:0], rows[:0]]
    return [seat, torch.zeros([texts * most], dtype=4).index_copy_(0, seat, rows)]

  def attend_shared(self, q: Tensor, keys: Tensor, values: Tensor, text_keys: Tensor, text_values: Tensor, mask: Optional[Tensor], seats: List[Tensor]) -> Tensor:
    # q [rows, kv heads, group, dim] on the tokens of a row and on those of its text. Each text's keys are read once for all
    # of its rows; the two results are joined by the sums of their soft-max.
    kv, group, dim, texts = q.size(1), q.size(2), q.size(3), text_keys.size(0)
    seated = q if seats[1].numel() == 0 else q.index_select(0, seats[1])
    seated = seated.view(texts, -1, kv, group, dim).transpose(1, 2).reshape(texts, kv, -1, dim)
    of_text, log_sum = torch._scaled_dot_product_flash_attention_for_cpu(seated, text_keys, text_values, 0.0, False, attn_mask=mask, scale=1.0)
    own, own_log_sum = torch._scaled_dot_product_flash_attention_for_cpu(q, keys, values, 0.0, False, scale=1.0)
    of_text = of_text.view(texts, kv, -1, group, dim).transpose(1, 2).reshape(-1, kv, group, dim)
    log_sum = log_sum.view(texts, kv, -1, group).transpose(1, 2).reshape(-1, kv, group)
    if seats[0].numel() > 0:
      of_text, log_sum = of_text.index_select(0, seats[0]), log_sum.index_select(0, seats[0])
    return torch.lerp(of_text.float(), own.float(), torch.sigmoid(own_log_sum - log_sum).unsqueeze(-1)).to(q.dtype)

  def next(self, tokens: Tensor, place: Tensor, slot: int, slot_places: Tensor, padded: bool, caches: List[Tensor], shared: List[Tensor], seats: List[Tensor], w: List[Tensor], top: List[Tensor], spins: List[Tensor], plan: List[int], sizes: List[int], numbers: List[float]) -> Tensor:
    # tokens [rows], each at its place in its row, to logits [rows, vocab]. shared: nothing, or the lengths of the texts that
    # rows go on from, and their keys and values of all layers
    rows, heads, kv, dim, layers = tokens.size(0), sizes[0], sizes[1], sizes[2], len(plan) // 2
    x = self.embed(tokens, top[0], numbers[4], place, top[1])
    spun = [table.index_select(0, place).unsqueeze(1) for table in spins]
    masks: Dict[int, Tensor] = {}
    for i in range(layers):
      found = self.project(x, w, 17 * i, plan[2 * i], spun, sizes, numbers)
      keys, values, group, fused = caches[i], caches[layers + i], heads // kv, found[1].dtype == 15 and numbers[2] == 0
      keys.select(2 if len(shared) > 0 or found[1].dtype == 15 else 3, slot).copy_(found[0][:, :, group])
      values.select(2, slot).copy_(found[1])
      q, window = found[0][:, :, :group], plan[2 * i + 1]
      masked = padded or window > 0
      if masked and window not in masks and len(shared) > 0:
        distance = (shared[0] + slot).unsqueeze(1) - torch.arange(shared[1].size(2)).unsqueeze(0)
        far = (distance <= slot) | (distance >= (window if window > 0 else 1 << 40))
        # No infinity: a text that is out of sight as a whole has a share of 0 as well, and no NaN.
        masks[window] = torch.zeros(far.size()).masked_fill_(far, -1e30).to(found[1].dtype).unsqueeze(1)
      elif masked and window not in masks:
        far = (place.unsqueeze(1) - slot_places[:, :slot + 1]) >= (window if window > 0 else 1 << 40)
        masks[window] = torch.zeros(far.size(), device=far.device).masked_fill_(far, -float("inf")).to(found[1].dtype).unsqueeze(1)
      mask: Optional[Tensor] = None
      if masked:
        mask = masks[window].unsqueeze(1)
      if len(shared) > 0:
        seen = max(0, slot + 1 - window) if window > 0 else 0
        a = self.attend_shared(q, keys[:, :, seen:slot + 1], values[:, :, seen:slot + 1], shared[1 + i], shared[1 + layers + i], mask, seats).reshape(rows, -1)
      elif fused:
        a = torch.scaled_dot_product_attention(q, keys[:, :, :slot + 1], values[:, :, :slot + 1], mask, 0.0, False, scale=1.0).reshape(rows, -1)
      else:
        all_keys = keys.transpose(2, 3) if found[1].dtype == 15 else keys
        scores = torch.bmm(q.flatten(0, 1), all_keys.flatten(0, 1)[:, :, :slot + 1])
        if numbers[2] > 0:
          scores.div_(numbers[2]).tanh_().mul_(numbers[2])
        if masked:
          scores.view(rows, heads, -1).add_(masks[window])
        a = torch.bmm(scores.softmax(-1), values.view(rows * kv, -1, dim).narrow(1, 0, slot + 1)).view(rows, -1)
      x = self.add_product(x, a, w[17 * i + 5], w[17 * i + 6], w[17 * i + 7], numbers[0])
      x = self.feed(x, w, 17 * i, sizes[3], numbers[0])
    return self.head(x, top, numbers)

  # sampling: [temperature (0: the likeliest), top-k, top-p, min-p]; whatever the filters, what is told of a token is its
  # log-probability at temperature 1

  def kept(self, scores: Tensor, sampling: List[float]) -> Tensor:
    # The scores with those of the tokens that the filters remove at -inf
    k, p, least = int(sampling[1]), sampling[2], sampling[3]
    if k > 0 and k < scores.size(1):
      scores = scores.masked_fill(scores < scores.topk(k, -1)[0][:, k - 1:], -float("inf"))
    if p < 1:
      ordered, order = torch.sort(scores, dim=-1, descending=False)
      gone = ordered.softmax(-1).cumsum(-1) <= 1 - p
      gone[:, -1] = False
      scores = scores.scatter(1, order, ordered.masked_fill_(gone, -float("inf")))
    if least > 0:
      shares = scores.softmax(-1)
      scores = scores.masked_fill(shares < shares.amax(-1, keepdim=True).mul_(least), -float("inf"))
    return scores

  def distribution(self, logits: Tensor, banned: Tensor, sampling: List[float]) -> Tensor:
    # What tokens are drawn from: 0 where a filter removed one
    scores = logits
    if banned.numel() > 0:
      scores = scores.index_fill(1, banned, -float("inf"))
    if sampling[0] != 1:
      scores = scores / sampling[0]
    return self.kept(scores, sampling).softmax(-1)

  def choose(self, logits: Tensor, uniforms: Tensor, banned: Tensor, sampling: List[float]) -> List[Tensor]:
    # The token in whose share of the cumulative distribution a uniform number falls, and its log-probability
    if sampling[0] == 0:
      tokens = (logits.index_fill(1, banned, -float("inf")) if banned.numel() > 0 else logits).argmax(-1, True)
    else:
      shares = self.distribution(logits, banned, sampling)
      cumulative = shares.cumsum(-1)
      # A 24-bit uniform below 1 times the total stays below the total, so the first token whose cumulative share exceeds
      # the product is always found, and has a share above 0.
      tokens = torch.searchsorted(cumulative, uniforms.unsqueeze(1) * cumulative[:, -1:], right=True)
      if sampling == [1.0, 0.0, 1.0, 0.0] and banned.numel() == 0:
        return [tokens.squeeze(1), shares.gather(1, tokens).squeeze(1).log()]
    return [tokens.squeeze(1), logits.gather(1, tokens).squeeze(1) - logits.logsumexp(-1)]

  def still_read(self, shared: List[Tensor], text_of_row: Tensor) -> Tuple[List[Tensor], Tensor]:
    # Without the texts all of whose rows have ended, once these are a quarter
    texts = shared[0].size(0)
    left, number = torch._unique(text_of_row, True, True)
    if 4 * left.size(0) > 3 * texts:
      return shared, text_of_row
    return [tensor.index_select(0, left) for tensor in shared], number

  def write(self, logits: Tensor, alive: Tensor, place: Tensor, slot_places: Tensor, text_of_row: Tensor, slot: int, padded: bool, caches: List[Tensor], shared: List[Tensor], w: List[Tensor], top: List[Tensor], spins: List[Tensor], plan: List[int], sizes: List[int], numbers: List[float], uniforms: Tensor, banned: Tensor, eos: Tensor, sampling: List[float], last: bool) -> List[Tensor]:
    # As many tokens for each row as there are uniforms [steps, all rows]; alive: the rows that are still in the batch. Rows
    # leave it when a quarter of them has ended. Gives tokens and log-probabilities [steps, all rows], -1 and 0 where
    # there is none, and the state to go on from.
    steps = uniforms.size(0)
    written = torch.full_like(uniforms, -1, dtype=4)
    told = torch.zeros_like(uniforms)
    done = torch.zeros_like(alive, dtype=11)
    seats: List[Tensor] = []
    if len(shared) > 0:
      seats = self.seats(text_of_row, shared[0].size(0))
    for step in range(steps):
      chosen = self.choose(logits, uniforms[step].index_select(0, alive), banned, sampling)
      tokens = chosen[0]
      written[step].index_copy_(0, alive, tokens.masked_fill(done, -1))
      told[step].index_copy_(0, alive, chosen[1].masked_fill(done, 0.0))
      if eos.numel() > 0:
        done = done | (tokens.unsqueeze(1) == eos).any(1)
        writing = int((~done).sum())
        if writing == 0:
          return [written, told, logits, alive[:0], place, slot_places, text_of_row] + caches + shared
        if 4 * writing <= 3 * done.size(0):
          rows = (~done).nonzero().squeeze(1)
          alive, place, tokens = alive.index_select(0, rows), place.index_select(0, rows), tokens.index_select(0, rows)
          slot_places, text_of_row = slot_places.index_select(0, rows), text_of_row.index_select(0, rows)
          caches = [cache.index_select(0, rows) for cache in caches]
          if len(shared) > 0:
            shared, text_of_row = self.still_read(shared, text_of_row)
            seats = self.seats(text_of_row, shared[0].size(0))
          done = torch.zeros_like(alive, dtype=11)
      if step + 1 < steps or not last:
        logits = self.next(tokens, place, slot, slot_places, padded, caches, shared, seats, w, top, spins, plan, sizes, numbers)
        place = place + 1
        slot += 1
    if done.any():
      # Rows that have ended but are still in the batch end here, for a fresh call would not know of them.
      rows = (~done).nonzero().squeeze(1)
      alive, place, logits = alive.index_select(0, rows), place.index_select(0, rows), logits.index_select(0, rows)
      slot_places, text_of_row = slot_places.index_select(0, rows), text_of_row.index_select(0, rows)
      caches = [cache.index_select(0, rows) for cache in caches]
    return [written, told, logits, alive, place, slot_places, text_of_row] + caches + shared

  # ---- texts that share their beginnings: read once piece by piece, then written on. A piece's keys and values are
  # [layers, tokens, kv heads, head dim]

  def read_on(self, ids: Tensor, before: List[Tensor], w: List[Tensor], top: List[Tensor], spins: List[Tensor], plan: List[int], sizes: List[int], numbers: List[float]) -> List[Tensor]:
    # ids [tokens] behind the pieces [keys, values, keys, values, ...] to [logits [1, vocab], keys, values] of these tokens
    time, heads, layers, pieces, read = ids.size(0), sizes[0], len(plan) // 2, len(before) // 2, 0
    for piece in range(pieces):
      read += before[2 * piece].size(1)
    places = torch.arange(read, read + time, device=ids.device)
    spun = [table[read:read + time].unsqueeze(1) for table in spins]
    x = self.embed(ids, top[0], numbers[4], places, top[1]).unsqueeze(0)
    distance = places.unsqueeze(1) - torch.arange(read + time, device=ids.device).unsqueeze(0)
    keys: List[Tensor] = []
    values: List[Tensor] = []
    for i in range(layers):
      found = self.project(x, w, 17 * i, plan[2 * i], spun, sizes, numbers)
      group, window = heads // sizes[1], plan[2 * i + 1]
      q, k, v = found[0][:, :, :, :group].reshape(1, time, heads, -1), found[0][0, :, :, group], found[1][0]
      keys.append(k)
      values.append(v)
      all_k = torch.cat([before[2 * piece][i] for piece in range(pieces)] + [k]).unsqueeze(0)
      all_v = torch.cat([before[2 * piece + 1][i] for piece in range(pieces)] + [v]).unsqueeze(0)
      hidden = (distance < 0) | (distance >= (window if window > 0 else read + time))
      mask = torch.zeros(hidden.size(), device=ids.device).masked_fill_(hidden, -float("inf")).to(v.dtype)
      a = self.attend(q, all_k, all_v, mask.view(1, 1, time, read + time), numbers)[0].reshape(1, time, -1)
      x = self.add_product(x, a, w[17 * i + 5], w[17 * i + 6], w[17 * i + 7], numbers[0])
      x = self.feed(x, w, 17 * i, sizes[3], numbers[0])
    return [self.head(x[0, time - 1:], top, numbers), torch.stack(keys), torch.stack(values)]

  def seat(self, pieces: List[Tensor], counts: List[int], text_of_row: List[int], slots: int, shared: bool) -> List[Tensor]:
    # The pieces of each text, so many of each, copied to the rows that go on from it, with room for more tokens: caches as
    # spread gives them, or as prefill does, to be shared
    rows, layers, kv, dim = len(text_of_row), pieces[0].size(0), pieces[0].size(2), pieces[0].size(3)
    by_time = shared or pieces[1].dtype == 15
    # Zeros behind the shorter texts: a mask takes their share to 0, and 0 times what happens to stand there may be no number.
    keys = pieces[0].new_zeros([layers, rows, kv, slots, dim] if by_time else [layers, rows, kv, dim, slots])
    values = pieces[1].new_zeros([layers, rows, kv, slots, dim])
    for row in range(rows):
      piece, at = 0, 0
      for text in range(text_of_row[row]):
        piece += counts[text]
      for i in range(counts[text_of_row[row]]):
        k, v = pieces[2 * (piece + i)], pieces[2 * (piece + i) + 1]
        time = k.size(1)
        if by_time:
          keys[:, row, :, at:at + time] = k.transpose(1, 2)
        else:
          keys[:, row, :, :, at:at + time] = k.permute(0, 2, 3, 1)
        values[:, row, :, at:at + time] = v.transpose(1, 2)
        at += time
    return list(keys.unbind(0)) + list(values.unbind(0))

  def joined(self, rows: List[Tensor]) -> Tensor:
    return torch.cat(rows)

  def remain(self, state: List[Tensor], rows: Tensor) -> List[Tensor]:
    # A state of write with some of its rows
    return [tensor.index_select(0, rows) for tensor in state]
