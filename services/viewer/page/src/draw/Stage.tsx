/**
 * A place to draw in data units: layers of canvas, SVG above them, axes around, zoom by pointer.
 *
 * Decided 2026-11-21: own 2D canvases and SVG, not @h5web/lib (three.js, WebGL), which the plan named.
 * Instruments' PCs and servers often have no GPU, and there each update of a WebGL canvas took 200 ms of
 * CPU in software GL and seconds to start; a table of colours into a 2D canvas takes 1 to 3 ms. The bundle
 * is 99 kB gzipped instead of 352. Rejected too: WebGL where there is a GPU beside canvases where there is
 * none (two ways of drawing that must agree in every pixel, for what 2D does 15 times a second already).
 * The price: axes, zoom and marks are ours to keep.
 */
import { createContext, useContext, useEffect, useImperativeHandle, useLayoutEffect, useMemo, useRef, useState, type ReactNode, type Ref } from 'react';
import { flushSync } from 'react-dom';
import { Axis, Grid } from './Axis';
import { photographed, type Photo } from './photo';
import { boxed, panned, transformOf, zoomed, type Frame, type Range, type Transform, type Zoom } from './zoom';

export interface Point {
  y: number;
  x: number;
}

export interface OnStage extends Transform {
  frame: Frame;
}

const StageContext = createContext<OnStage | undefined>(undefined);

export function useStage(): OnStage {
  const stage = useContext(StageContext);
  if (!stage) throw new Error('drawn on no stage');
  return stage;
}

/** Takes pictures of a stage. */
export interface Camera {
  area: HTMLElement;
  /** Whether it shows a part. */
  zoomed: () => boolean;
  /** What is seen now, or all there is. */
  take: (whole: boolean) => Photo;
}

interface Props {
  camera?: Ref<Camera> | undefined;
  x: Range;
  y: Range;
  flip?: boolean;
  equal?: boolean;
  axes?: boolean;
  grid?: boolean;
  xLabel?: string | undefined;
  /** Canvases, below all else. */
  layers?: ReactNode;
  /** SVG. */
  children?: ReactNode;
  /** Whether dragging draws, instead of moving. */
  drawing?: boolean;
  onDraw?: ((from: Point, to: Point, done: boolean) => void) | undefined;
  onPoint?: ((point: Point | undefined) => void) | undefined;
  onPick?: ((point: Point) => void) | undefined;
}

export function Stage(props: Props) {
  const { x, y, flip = false, equal = false, axes = true, grid = false, layers, children, drawing = false } = props;
  const [area, size] = useSize();
  const [zoom, setZoom] = useState<Zoom>();
  const [x0, x1] = x;
  const [y0, y1] = y;
  const stage = useMemo((): OnStage => {
    const frame: Frame = { x: [x0, x1], y: [y0, y1], ...size, flip, equal };
    return { ...transformOf(frame, zoom), frame };
  }, [x0, x1, y0, y1, size, flip, equal, zoom]);
  const box = useHand(area, stage, zoom, setZoom, props);
  useCamera(props.camera, area, zoom, setZoom);
  const { ax, bx, ay, by } = stage;
  const { width, height } = size;
  return (
    <StageContext.Provider value={stage}>
      <div className={`stage${axes ? '' : ' bare'}`}>
        {axes && <Axis along="y" a={ay} b={by} length={height} from={y0} to={y1} />}
        <div ref={area} className={`area${zoom ? ' zoomed' : ''}${drawing ? ' drawing' : ''}`}>
          {width > 0 && (
            <>
              {grid && <Grid {...{ ax, bx, ay, by, width, height }} />}
              {layers}
              <svg className="over" width={width} height={height}>
                {children}
                {box && <path className="zoom-box" d={`M${box[0].join(' ')}H${box[1][0]}V${box[1][1]}H${box[0][0]}Z`} />}
              </svg>
            </>
          )}
        </div>
        {axes && <Axis along="x" a={ax} b={bx} length={width} from={x0} to={x1} label={props.xLabel} />}
      </div>
    </StageContext.Provider>
  );
}

/** The size of an element in whole pixels, as long as it is there. */
function useSize() {
  const place = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const there = place.current;
    if (!there) return;
    const look = () => {
      const next = { width: there.clientWidth, height: there.clientHeight };
      setSize((now) => (now.width === next.width && now.height === next.height ? now : next));
    };
    look();
    const watch = new ResizeObserver(look);
    watch.observe(there);
    return () => watch.disconnect();
  }, []);
  return [place, size] as const;
}

function useCamera(
  camera: Ref<Camera> | undefined,
  area: React.RefObject<HTMLDivElement>,
  zoom: Zoom | undefined,
  setZoom: (zoom: Zoom | undefined) => void,
): void {
  useImperativeHandle(camera, () => {
    const there = area.current as HTMLElement;
    const take = (whole: boolean) => {
      if (!whole || !zoom) return photographed(there);
      // drawn without the zoom and with it again, before anything is painted
      flushSync(() => setZoom(undefined));
      try {
        return photographed(there);
      } finally {
        flushSync(() => setZoom(zoom));
      }
    };
    return { area: there, zoomed: () => zoom !== undefined, take };
  }, [area, zoom, setZoom]);
}

type Place = [number, number];
interface Down {
  id: number;
  from: Place;
  last: Place;
  box: boolean;
}

/** What the pointer does: moves, zooms, draws, picks. Gives the box that is being drawn to zoom to. */
function useHand(
  area: React.RefObject<HTMLDivElement>,
  stage: OnStage,
  zoom: Zoom | undefined,
  setZoom: (zoom: Zoom | undefined) => void,
  props: Props,
): [Place, Place] | undefined {
  const [box, setBox] = useState<[Place, Place]>();
  const now = useRef({ stage, zoom, props });
  now.current = { stage, zoom, props };
  useEffect(() => {
    const there = area.current;
    if (!there) return;
    const down = new Map<number, Down>();
    const placeOf = (event: MouseEvent): Place => {
      const { left, top } = there.getBoundingClientRect();
      return [event.clientX - left, event.clientY - top];
    };
    const pointAt = ([px, py]: Place): Point => {
      const { ax, bx, ay, by } = now.current.stage;
      return { x: (px - bx) / ax, y: (py - by) / ay };
    };
    const change = (next: Zoom | undefined) => {
      now.current.zoom = next;
      setZoom(next);
    };
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const by = 1.0015 ** -(event.deltaMode === 1 ? 30 * event.deltaY : event.deltaY || event.deltaX);
      const { stage, zoom } = now.current;
      const apart = !stage.frame.equal;
      change(
        zoomed(stage.frame, zoom, placeOf(event), {
          x: apart && event.shiftKey ? 1 : by,
          y: apart && event.altKey ? 1 : by,
        }),
      );
    };
    const press = (event: PointerEvent) => {
      const from = placeOf(event);
      down.set(event.pointerId, { id: event.pointerId, from, last: from, box: event.ctrlKey });
    };
    const move = (event: PointerEvent) => {
      const to = placeOf(event);
      const { props, stage, zoom } = now.current;
      props.onPoint?.(pointAt(to));
      const one = down.get(event.pointerId);
      if (!one) return;
      // not before it moves: a captured click would not reach the mark below it
      if (!there.hasPointerCapture(one.id)) there.setPointerCapture(one.id);
      if (down.size > 1) change(pinched(stage.frame, zoom, [...down.values()], one, to));
      else if (one.box) setBox([one.from, to]);
      else if (props.drawing) props.onDraw?.(pointAt(one.from), pointAt(to), false);
      else if (zoom) change(panned(stage.frame, zoom, to[0] - one.last[0], to[1] - one.last[1]));
      one.last = to;
    };
    const lift = (event: PointerEvent) => {
      const one = down.get(event.pointerId);
      down.delete(event.pointerId);
      setBox(undefined);
      if (!one || event.type === 'pointercancel' || event.button !== 0) return;
      const to = placeOf(event);
      const { props, stage, zoom } = now.current;
      if (one.box) change(boxed(stage.frame, zoom, one.from, to));
      else if (Math.hypot(to[0] - one.from[0], to[1] - one.from[1]) < 4) props.onPick?.(pointAt(to));
      else if (props.drawing) props.onDraw?.(pointAt(one.from), pointAt(to), true);
    };
    const leave = () => now.current.props.onPoint?.(undefined);
    const reset = () => change(undefined);
    there.addEventListener('wheel', wheel, { passive: false });
    there.addEventListener('pointerdown', press);
    there.addEventListener('pointermove', move);
    there.addEventListener('pointerup', lift);
    there.addEventListener('pointercancel', lift);
    there.addEventListener('pointerleave', leave);
    there.addEventListener('dblclick', reset);
    return () => {
      there.removeEventListener('wheel', wheel);
      there.removeEventListener('pointerdown', press);
      there.removeEventListener('pointermove', move);
      there.removeEventListener('pointerup', lift);
      there.removeEventListener('pointercancel', lift);
      there.removeEventListener('pointerleave', leave);
      there.removeEventListener('dblclick', reset);
    };
  }, [area, setZoom]);
  return box;
}

/** Two fingers: as much larger as they went apart, and moved with their middle. */
function pinched(frame: Frame, zoom: Zoom | undefined, all: Down[], one: Down, to: Place): Zoom | undefined {
  const other = all.find(({ id }) => id !== one.id)?.last;
  if (!other) return zoom;
  const before = Math.hypot(one.last[0] - other[0], one.last[1] - other[1]);
  const by = Math.hypot(to[0] - other[0], to[1] - other[1]) / Math.max(1, before);
  const middle: Place = [(to[0] + other[0]) / 2, (to[1] + other[1]) / 2];
  const there = zoomed(frame, zoom, middle, { x: by, y: by });
  return panned(frame, there, (to[0] - one.last[0]) / 2, (to[1] - one.last[1]) / 2);
}
